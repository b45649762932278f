#include "host.h"

#include <avr/pgmspace.h>
#include <string.h>

#include "bytes.h"
#include "clock.h"
#include "cobs.h"
#include "imprint.h"
#include "keypads.h"
#include "lights.h"
#include "messages.h"
#include "radio.h"
#include "ring.h"
#include "switches.h"
#include "uart.h"
#include "wiegand.h"

#define LINGER_TICKS (5 * TICKS_PER_MS) /* a press waits this long for others to share its frame */
#define RESEND_TICKS (500 * TICKS_PER_MS)
#define RESEND_MAX_TICKS (4000 * TICKS_PER_MS)
#define MAX_HOST_BODY_BYTES (8 + MAX_OUTCOMES_IN_FRAME)
#define PRESS_BYTES 9 /* of a press in PRESSES, without its key */

static const uint8_t firmware_version[3] = {FIRMWARE_MAJOR, FIRMWARE_MINOR, FIRMWARE_PATCH};
static const uint8_t message_table[3 * MESSAGE_COUNT] PROGMEM = {MESSAGE_TABLE};

static struct identity self;

static struct frame_decoder decoder;
static uint8_t in[MAX_HOST_BODY_BYTES + 2];
static uint8_t frame[1 + MAX_BODY_BYTES + FRAME_OVERHEAD_BYTES]; /* a 0x00, then the frame */
static uint8_t *const body = frame + 2;

static bool hello_due, time_due, status_due, switches_due;
static bool wiegand_wanted;
static uint8_t time_token;
static uint32_t time_received;
static uint16_t shown;
static uint32_t senseless;

/* Of the ring's presses the first `decided` have an outcome that their keypads wait for, and the first
 * `sent` have gone to the host. decided <= sent <= ring_count() */
static uint8_t decided, sent;
static uint8_t codes[RING_PRESSES]; /* at seq % RING_PRESSES */
static uint32_t resend_from, resend_after = RESEND_TICKS;
static uint32_t resent;

void host_start(const struct identity *identity)
{
    self = *identity;
    frame_decoder_init(&decoder, in, sizeof in);
    hello_due = true;
}

static void progress(void)
{
    resend_from = clock_ticks();
    resend_after = RESEND_TICKS;
}

/* OUTCOMES: take the codes that continue what is decided; the others came twice or too early. */
static void take_outcomes(uint8_t body_bytes)
{
    uint16_t boot = get_u16(in + 1);
    uint32_t seq = get_u32(in + 3);
    uint8_t count = in[7];
    if (body_bytes != 8 + count) {
        senseless++;
        return;
    }
    uint16_t offset = ring_offset(decided);
    for (uint8_t i = 0; i < count; i++, seq++) {
        if (decided == ring_count() || seq != ring_first_seq() + decided)
            continue;
        struct press press;
        offset = ring_read(offset, &press);
        if (press.boot != boot)
            return;
        codes[seq % RING_PRESSES] = in[8 + i];
        decided++;
        if (sent < decided) /* it was about to be sent again */
            sent = decided;
        progress();
    }
}

static void take_message(uint8_t body_bytes)
{
    if (in[0] == MSG_OUTCOMES && body_bytes >= 8) {
        take_outcomes(body_bytes);
    } else if (in[0] == MSG_TIME_REQUEST && body_bytes == 2) {
        time_due = true;
        time_token = in[1];
        time_received = clock_ticks();
    } else if (in[0] == MSG_HELLO_REQUEST && body_bytes == 1) {
        hello_due = switches_due = true;
        sent = decided;
        progress();
    } else if (in[0] == MSG_STATUS_REQUEST && body_bytes == 1) {
        status_due = switches_due = true;
    } else if (in[0] == MSG_SHOW && body_bytes == 5) {
        if (shown != get_u16(in + 1))
            keypads_question();
        shown = get_u16(in + 1);
        lights_question(shown != 0);
    } else if (in[0] == MSG_READERS && body_bytes == 2) {
        wiegand_wanted = in[1] != 0;
#ifdef RADIO
    } else if (in[0] == MSG_RADIO && body_bytes == 5) {
        radio_set(in[1], in + 2);
#endif
    } else if (in[0] == MSG_LOCATE && body_bytes == 2) {
        lights_locate(in[1]);
    } else {
        senseless++;
    }
}

static uint8_t build_hello(void)
{
    uint8_t *at = body;
    *at++ = MSG_HELLO;
    *at++ = PROTOCOL_MAJOR;
    *at++ = PROTOCOL_MINOR;
    memcpy(at, firmware_version, sizeof firmware_version);
    at += sizeof firmware_version;
    *at++ = BOARD_ATMEGA328P;
    memcpy(at, self.serial, SERIAL_BYTES);
    at += SERIAL_BYTES;
    at = put_u16(at, self.boot);
    at = put_u16(at, ring_since(self.boot));
    at = put_u32(at, clock_ticks());
    at = put_u16(at, RING_PRESSES);
    at = put_u16(at, ring_count());
    at = put_u32(at, ring_first_seq());
    at = put_u32(at, ring_refused());
    at = put_u32(at, ring_lost());
    *at++ = MESSAGE_COUNT;
    memcpy_P(at, message_table, sizeof message_table);
    return (uint8_t)(at + sizeof message_table - body);
}

static uint8_t build_time(void)
{
    uint8_t *at = body;
    *at++ = MSG_TIME;
    *at++ = time_token;
    at = put_u32(at, time_received);
    at = put_u32(at, clock_ticks());
    return (uint8_t)(at - body);
}

/* A burst of bits that has ended; 0 when there is none. */
static uint8_t build_wiegand(void)
{
    struct wiegand_burst burst;
    if (!wiegand_take(&burst) || !wiegand_wanted)
        return 0;
    body[0] = MSG_WIEGAND;
    memcpy(body + 1, &burst, sizeof burst);
    return 1 + sizeof burst;
}

/* Which switches are closed, when that has changed or may have been missed; else 0. */
static uint8_t build_switches(void)
{
    uint8_t closed;
    if (switches_update(&closed))
        switches_due = true;
    if (!switches_due || closed == SWITCHES_UNKNOWN)
        return 0;
    switches_due = false;
    body[0] = MSG_SWITCHES;
    body[1] = closed;
    return 2;
}

static uint8_t build_status(void)
{
    uint8_t *at = body;
    *at++ = MSG_STATUS;
    at = put_u16(at, self.boot);
    at = put_u16(at, ring_count());
    at = put_u32(at, ring_refused());
    at = put_u32(at, ring_lost());
    at = put_u32(at, resent);
    at = put_u32(at, decoder.junk_frames + senseless + keypads_junk());
    at = put_u32(at, uart_overruns() + keypads_overruns());
    at = put_u16(at, shown);
    return (uint8_t)(at - body);
}

/* As many presses of one boot as are due and fit; 0 when none are due. */
static uint8_t build_presses(void)
{
    uint32_t now = clock_ticks();
    if (sent > decided && now - resend_from >= resend_after) {
        resent += sent - decided;
        sent = decided;
        resend_after = resend_after < RESEND_MAX_TICKS / 2 ? 2 * resend_after : RESEND_MAX_TICKS;
    }
    uint8_t waiting = (uint8_t)(ring_count() - sent);
    if (waiting == 0)
        return 0;
    struct press press;
    uint16_t offset = ring_read(ring_offset(sent), &press);
    if (waiting < MAX_PRESSES_IN_FRAME && now - press.time_ticks < LINGER_TICKS)
        return 0;
    if (sent == decided)
        resend_from = now;

    uint16_t boot = press.boot;
    uint8_t *at = body;
    *at++ = MSG_PRESSES;
    at = put_u16(at, boot);
    at = put_u32(at, ring_first_seq() + sent);
    uint8_t *count = at++;
    *count = 0;
    for (;;) {
        at = put_u32(at, press.time_ticks);
        memcpy(at, press.keypad, 4);
        at += 4;
        *at++ = press.key_bytes;
        memcpy(at, press.key, press.key_bytes);
        at += press.key_bytes;
        ++*count;
        sent++;
        if (*count == MAX_PRESSES_IN_FRAME || sent == ring_count())
            break;
        offset = ring_read(offset, &press);
        if (press.boot != boot || at + PRESS_BYTES + press.key_bytes > body + MAX_BODY_BYTES)
            break;
    }
    return (uint8_t)(at - body);
}

static void send_what_is_due(void)
{
    uint8_t body_bytes = 0;
    uint8_t lead_bytes = 0;
    if (time_due) {
        body_bytes = build_time();
        time_due = false;
    } else if (hello_due) {
        body_bytes = build_hello();
        lead_bytes = 1; /* ends whatever a reset or noise left on the line */
        hello_due = false;
    } else if (status_due) {
        body_bytes = build_status();
        status_due = false;
    } else if ((body_bytes = build_switches()) == 0 && (body_bytes = build_wiegand()) == 0) {
        body_bytes = build_presses();
    }
    if (body_bytes == 0)
        return;
    frame[0] = 0;
    uint8_t frame_bytes = frame_close(frame + 1, body_bytes);
    uart_send(frame + 1 - lead_bytes, (uint8_t)(frame_bytes + lead_bytes));
}

static void show_outcomes(void)
{
    struct press press;
    while (decided > 0) {
        ring_read(ring_offset(0), &press);
        if (!keypads_show(&press, codes[ring_first_seq() % RING_PRESSES]))
            return;
        ring_drop();
        decided--;
        sent--;
    }
}

void host_run(void)
{
    uint8_t byte;
    while (uart_take(&byte)) {
        uint8_t body_bytes = frame_decoder_take(&decoder, byte);
        if (body_bytes)
            take_message(body_bytes);
    }
    if (uart_idle())
        send_what_is_due();
    show_outcomes();
}
