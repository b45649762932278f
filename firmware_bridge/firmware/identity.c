#include "identity.h"

#include <avr/eeprom.h>
#include <avr/io.h>
#include <stdbool.h>

#include "crc.h"

/* Two slots, the older one overwritten at each start: a reset in the middle of a write breaks the
 * slot that was never used, and the next start takes the same number again. */
#define SLOT_SPACING_BYTES 16u

struct slot {
    struct identity identity;
    uint16_t crc;
};

static void *slot_address(uint8_t number)
{
    return (void *)(number * SLOT_SPACING_BYTES);
}

static bool read_slot(uint8_t number, struct identity *identity)
{
    struct slot slot;
    eeprom_read_block(&slot, slot_address(number), sizeof slot);
    *identity = slot.identity;
    return slot.crc == crc_of(&slot.identity, sizeof slot.identity);
}

static void write_slot(uint8_t number, const struct identity *identity)
{
    struct slot slot = {*identity, crc_of(identity, sizeof *identity)};
    eeprom_update_block(&slot, slot_address(number), sizeof slot);
    eeprom_busy_wait();
}

static void forget_slot(uint8_t number)
{
    for (uint8_t i = 0; i < sizeof(struct slot); i++)
        eeprom_update_byte((uint8_t *)slot_address(number) + i, 0xFF);
    eeprom_busy_wait();
}

/* RAM holds a pattern of the chip's own after power comes on: CRCs of its quarters differ from
 * chip to chip and from time to time. */
static void invent_serial(uint8_t *serial)
{
    const uint16_t quarter_bytes = (RAMEND + 1 - RAMSTART) / 4;
    for (uint8_t i = 0; i < 4; i++) {
        uint16_t crc = crc_of((const void *)(RAMSTART + i * quarter_bytes), quarter_bytes);
        serial[2 * i] = (uint8_t)(crc >> 8);
        serial[2 * i + 1] = (uint8_t)crc;
    }
}

struct identity identity_start(void)
{
    struct identity found[2];
    bool valid[2];
    for (uint8_t i = 0; i < 2; i++)
        valid[i] = read_slot(i, &found[i]);
    uint8_t newest = valid[1] && (!valid[0] || found[1].boot > found[0].boot);
    struct identity identity = found[newest];
    /* A tool that gives a chip its serial number stores it with boot 0. */
    bool known = valid[newest] && identity.boot != UINT16_MAX;
    if (known) {
        identity.boot++;
    } else {
        invent_serial(identity.serial);
        identity.boot = 1;
    }
    write_slot(!newest, &identity);
    if (!known)
        forget_slot(newest);
    return identity;
}
