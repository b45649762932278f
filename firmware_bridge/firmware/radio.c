/* ResponseCards over an nRF24L01+, in place of the keypad bus (see README.md).
 *
 * A remote sends its id, a key and a CRC to our address, again and again until it is answered to its own
 * address with 0x06: then its light turns green. We answer only what the host has accepted. */
#include "radio.h"

#include <avr/io.h>
#include <string.h>

#include "clock.h"
#include "crc.h"
#include "keypads.h"
#include "nrf24.h"

#define REMOTES 20u
#define REPEAT_TICKS (2000u * TICKS_PER_MS) /* a remote that says the same again so soon repeats itself */
#define ACCEPTED 0x06
#define REPLIES 5u
#define REJECTED_FROM 0x80

struct remote {
    uint8_t id[NRF24_ADDRESS_BYTES];
    uint8_t key; /* 0: this place is free */
    uint16_t heard_low, pressed_low;
    bool accepted;
};

static struct remote remotes[REMOTES];
static uint8_t looked_at;
static uint8_t own[NRF24_ADDRESS_BYTES] = {0x12, 0x34, 0x56};
static uint8_t channel = 41;
static uint32_t senseless;

void keypads_start(void)
{
    nrf24_start();
    nrf24_listen(channel, own);
}

void radio_set(uint8_t new_channel, const uint8_t address[NRF24_ADDRESS_BYTES])
{
    if (new_channel == channel && memcmp(own, address, sizeof own) == 0)
        return;
    channel = new_channel;
    memcpy(own, address, sizeof own);
    nrf24_listen(channel, own);
}

static void answer(const uint8_t *id)
{
    uint8_t payload[NRF24_PAYLOAD_BYTES];
    memcpy(payload, id, NRF24_ADDRESS_BYTES);
    payload[3] = ACCEPTED;
    uint16_t crc = crc_of(payload, 4);
    payload[4] = (uint8_t)(crc >> 8);
    payload[5] = (uint8_t)crc;
    nrf24_send(id, payload, REPLIES);
    nrf24_listen(channel, own);
}

static struct remote *find(const uint8_t *id)
{
    for (uint8_t i = 0; i < REMOTES; i++)
        if (remotes[i].key && memcmp(remotes[i].id, id, sizeof remotes[i].id) == 0)
            return &remotes[i];
    return NULL;
}

static uint16_t age(const struct remote *remote)
{
    return (uint16_t)((uint16_t)clock_ticks() - remote->heard_low);
}

/* A free place, or that of the remote which was not heard for longest. */
static struct remote *place(void)
{
    struct remote *oldest = remotes;
    for (uint8_t i = 0; i < REMOTES; i++) {
        if (!remotes[i].key)
            return &remotes[i];
        if (age(&remotes[i]) > age(oldest))
            oldest = &remotes[i];
    }
    return oldest;
}

static bool intact(const uint8_t *payload)
{
    uint16_t crc = CRC_START;
    for (uint8_t i = 0; i < sizeof own; i++)
        crc = crc_next(crc, own[i]);
    for (uint8_t i = 0; i < NRF24_PAYLOAD_BYTES; i++)
        crc = crc_next(crc, payload[i]);
    uint8_t key = payload[3];
    return crc == 0 && ((key >= '0' && key <= '9') || key == '?');
}

bool keypads_take(struct press *press)
{
    looked_at = (uint8_t)((looked_at + 1) % REMOTES);
    if (age(&remotes[looked_at]) >= REPEAT_TICKS)
        remotes[looked_at].key = 0;
    uint8_t payload[NRF24_PAYLOAD_BYTES];
    for (uint8_t most = NRF24_FIFO; most && nrf24_take(payload); most--) { /* a broken module never ends */
        if (!intact(payload)) {
            senseless++;
            continue;
        }
        struct remote *remote = find(payload);
        if (remote && remote->key == payload[3]) {
            remote->heard_low = (uint16_t)clock_ticks();
            if (remote->accepted)
                answer(payload);
            continue;
        }
        if (!remote)
            remote = place();
        memcpy(remote->id, payload, sizeof remote->id);
        remote->key = payload[3];
        remote->heard_low = (uint16_t)clock_ticks();
        remote->accepted = false;
        press->time_ticks = clock_ticks();
        remote->pressed_low = (uint16_t)press->time_ticks;
        press->keypad[0] = 0;
        memcpy(press->keypad + 1, payload, sizeof remote->id);
        press->key_bytes = 1;
        press->key[0] = payload[3];
        return true;
    }
    return false;
}

void keypads_forget(const uint8_t keypad[4])
{
    struct remote *remote = find(keypad + 1);
    if (remote)
        remote->key = 0;
}

void keypads_question(void)
{
    for (uint8_t i = 0; i < REMOTES; i++)
        if (remotes[i].accepted)
            remotes[i].key = 0;
}

bool keypads_show(const struct press *press, uint8_t code)
{
    struct remote *remote = find(press->keypad + 1);
    if (remote && remote->pressed_low != (uint16_t)press->time_ticks)
        return true; /* it waits for the outcome of another key that was pressed since */
    if (remote)
        remote->accepted = code < REJECTED_FROM;
    if (code < REJECTED_FROM)
        answer(press->keypad + 1);
    return true;
}

uint32_t keypads_overruns(void)
{
    return 0;
}

uint32_t keypads_junk(void)
{
    return senseless;
}
