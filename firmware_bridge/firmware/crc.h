#ifndef CRC_H
#define CRC_H

#include <stdint.h>

#define CRC_START 0xFFFFu

/* CRC-16, polynomial 0x1021, most significant bit first, one byte further. */
static inline uint16_t crc_next(uint16_t crc, uint8_t byte)
{
    uint8_t mix = (uint8_t)((crc >> 8) ^ byte);
    mix ^= mix >> 4;
    return (uint16_t)((crc << 8) ^ ((uint16_t)mix << 12) ^ ((uint16_t)mix << 5) ^ mix);
}

uint16_t crc_of(const void *data, uint16_t size_bytes);

#endif
