#include "ring.h"

#include <stddef.h>
#include <string.h>

#include "clock.h"
#include "crc.h"

#define MASK (RING_BYTES - 1)
#define FIXED_BYTES 11u /* of a press before its key */
#define CRC_BYTES 2u

struct ledger {
    uint16_t generation;
    uint16_t head; /* where the oldest press lies */
    uint16_t used_bytes;
    uint8_t count;
    uint16_t since_boot; /* 0 until the first start has its number */
    uint32_t first_seq;
    uint32_t refused;
    uint32_t lost;
    uint16_t crc;
};

static uint8_t arena[RING_BYTES] NOINIT;

/* Written alternately, after the presses they speak of: a reset at any instant leaves one valid
 * ledger, and all that it speaks of is in the arena. */
static struct ledger saved[2] NOINIT;

static struct ledger now;

static uint16_t ledger_crc(const struct ledger *ledger)
{
    return crc_of(ledger, offsetof(struct ledger, crc));
}

static void save(void)
{
    now.generation++;
    now.crc = ledger_crc(&now);
    /* The compiler must neither delay this nor move it before the arena's bytes. */
    __asm__ volatile("" ::: "memory");
    saved[now.generation & 1] = now;
    __asm__ volatile("" ::: "memory");
}

static uint16_t size_at(uint16_t offset)
{
    return FIXED_BYTES + arena[(offset + FIXED_BYTES - 1) & MASK] + CRC_BYTES;
}

static bool intact(void)
{
    uint16_t offset = now.head;
    uint16_t used_bytes = 0;
    for (uint8_t i = 0; i < now.count; i++) {
        uint16_t size_bytes = size_at(offset);
        uint16_t crc = CRC_START;
        for (uint16_t k = 0; k < size_bytes; k++)
            crc = crc_next(crc, arena[(offset + k) & MASK]);
        used_bytes += size_bytes;
        if (crc != 0 || used_bytes > now.used_bytes)
            return false;
        offset += size_bytes;
    }
    return used_bytes == now.used_bytes;
}

void ring_start(bool keep)
{
    bool valid[2];
    for (uint8_t i = 0; i < 2; i++)
        valid[i] = saved[i].crc == ledger_crc(&saved[i]);
    bool kept = false;
    if (valid[0] || valid[1]) {
        uint8_t newest =
            valid[1] &&
            (!valid[0] || (int16_t)(uint16_t)(saved[1].generation - saved[0].generation) > 0);
        now = saved[newest];
        kept = keep && intact();
        if (!kept)
            now.lost += now.count;
    } else {
        memset(&now, 0, sizeof now);
    }
    if (!kept) {
        now.head = now.used_bytes = now.count = now.since_boot = 0;
        now.first_seq = 1;
    }
    save();
    save(); /* both copies: what stood there before must not come back */
}

uint16_t ring_since(uint16_t boot)
{
    if (now.since_boot == 0) {
        now.since_boot = boot;
        save();
    }
    return now.since_boot;
}

uint8_t ring_count(void)
{
    return now.count;
}

uint32_t ring_first_seq(void)
{
    return now.first_seq;
}

uint32_t ring_refused(void)
{
    return now.refused;
}

uint32_t ring_lost(void)
{
    return now.lost;
}

bool ring_add(const struct press *press)
{
    uint16_t size_bytes = FIXED_BYTES + press->key_bytes + CRC_BYTES;
    bool fits = now.count < RING_PRESSES && now.used_bytes + size_bytes <= RING_BYTES;
    if (fits) {
        uint16_t at = now.head + now.used_bytes;
        uint16_t crc = CRC_START;
        const uint8_t *byte = (const uint8_t *)press; /* laid out as struct press is */
        for (uint8_t i = 0; i < FIXED_BYTES + press->key_bytes; i++) {
            arena[at++ & MASK] = byte[i];
            crc = crc_next(crc, byte[i]);
        }
        arena[at++ & MASK] = (uint8_t)(crc >> 8);
        arena[at++ & MASK] = (uint8_t)crc;
        now.used_bytes += size_bytes;
        now.count++;
    } else {
        now.refused++;
    }
    save();
    return fits;
}

uint16_t ring_offset(uint8_t index)
{
    uint16_t offset = now.head;
    while (index--)
        offset += size_at(offset);
    return offset;
}

uint16_t ring_read(uint16_t offset, struct press *press)
{
    uint8_t *byte = (uint8_t *)press;
    uint16_t size_bytes = size_at(offset);
    for (uint8_t i = 0; i < size_bytes - CRC_BYTES; i++)
        byte[i] = arena[(offset + i) & MASK];
    return offset + size_bytes;
}

void ring_drop(void)
{
    uint16_t size_bytes = size_at(now.head);
    now.head = (now.head + size_bytes) & MASK;
    now.used_bytes -= size_bytes;
    now.count--;
    now.first_seq++;
    save();
}

_Static_assert(offsetof(struct press, key) == FIXED_BYTES, "a press is stored as it lies in RAM");
