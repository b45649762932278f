#include "crc.h"

uint16_t crc_of(const void *data, uint16_t size_bytes)
{
    const uint8_t *byte = data;
    uint16_t crc = CRC_START;
    while (size_bytes--)
        crc = crc_next(crc, *byte++);
    return crc;
}
