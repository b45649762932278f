#include "eeprom.h"

#include <stdio.h>
#include <string.h>

#include <avr_eeprom.h>

#include "../crc.h"
#include "chip.h"
#include "console.h"

static const char *eeprom_file;
static uint8_t eeprom_stored[1024];

static uint8_t *eeprom(void)
{
    avr_eeprom_desc_t all = {.ee = NULL, .offset = 0, .size = sizeof eeprom_stored};
    avr_ioctl(avr, AVR_IOCTL_EEPROM_GET, &all);
    return all.ee;
}

void eeprom_store(void)
{
    if (!eeprom_file || memcmp(eeprom_stored, eeprom(), sizeof eeprom_stored) == 0)
        return;
    memcpy(eeprom_stored, eeprom(), sizeof eeprom_stored);
    char temporary[4096];
    snprintf(temporary, sizeof temporary, "%s.new", eeprom_file);
    FILE *file = fopen(temporary, "wb");
    if (!file || fwrite(eeprom_stored, sizeof eeprom_stored, 1, file) != 1 || fclose(file) ||
        rename(temporary, eeprom_file))
        fail(eeprom_file);
}

void eeprom_load(const char *file_name, const char *serial)
{
    eeprom_file = file_name;
    memset(eeprom(), 0xFF, sizeof eeprom_stored);
    FILE *file = eeprom_file ? fopen(eeprom_file, "rb") : NULL;
    if (file) {
        if (fread(eeprom(), sizeof eeprom_stored, 1, file) != 1)
            fail(eeprom_file);
        fclose(file);
    } else if (serial) {
        uint8_t slot[10] = {0}; /* serial, boot 0; then the CRC, little endian as the chip keeps it */
        if (strlen(serial) != 16 || !parse_hex(serial, slot, 8))
            fail("a serial number is 16 hex digits");
        uint16_t crc = crc_of(slot, sizeof slot);
        memcpy(eeprom(), slot, sizeof slot);
        eeprom()[10] = (uint8_t)crc;
        eeprom()[11] = (uint8_t)(crc >> 8);
    }
    memcpy(eeprom_stored, eeprom(), sizeof eeprom_stored);
}
