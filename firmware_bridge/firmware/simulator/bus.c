#include "bus.h"

#include <stdio.h>
#include <string.h>

#include <avr_spi.h>

#include "../cobs.h"
#include "../keypads.h"
#include "chip.h"
#include "console.h"

#define BUS_BYTE_CYCLES (50 * CYCLES_PER_US)
#define BUS_IDLE_CYCLES (500 * CYCLES_PER_US)
#define BUS_QUIET_STEPS 4
#define BUS_QUEUE_BYTES (1u << 20)

static uint8_t bus_queue[BUS_QUEUE_BYTES];
static size_t bus_first, bus_after;
static struct frame_decoder bus_decoder;
static uint8_t bus_body[BUS_MAX_BODY_BYTES + 2];
static uint8_t bus_heard;
static unsigned bus_quiet_steps;
static bool bus_idle_asked;
static avr_irq_t *bus_in;

void bus_put(const uint8_t *bytes, size_t count)
{
    if (bus_first == bus_after)
        bus_first = bus_after = 0;
    if (bus_after + count > sizeof bus_queue)
        fail("too much on the keypad bus");
    memcpy(bus_queue + bus_after, bytes, count);
    bus_after += count;
}

void bus_press(const char *keypad, const char *key)
{
    uint8_t frame[BUS_MAX_BODY_BYTES + FRAME_OVERHEAD_BYTES];
    size_t key_bytes = strlen(key);
    if (strlen(keypad) != 8 || !parse_hex(keypad, frame + 2, 4) || key_bytes > MAX_KEY_BYTES) {
        say("error: press %s %s", keypad, key);
        return;
    }
    frame[1] = BUS_PRESS;
    memcpy(frame + 6, key, key_bytes);
    bus_put(frame, frame_close(frame, (uint8_t)(5 + key_bytes)));
}

static void bus_on_byte(struct avr_irq_t *irq, uint32_t value, void *parameter)
{
    (void)irq;
    (void)parameter;
    bus_heard = (uint8_t)value;
    uint8_t body_bytes = frame_decoder_take(&bus_decoder, bus_heard);
    if (body_bytes == 6 && bus_body[0] == BUS_OUTCOME)
        say("outcome %02X%02X%02X%02X %02X", bus_body[1], bus_body[2], bus_body[3], bus_body[4],
            bus_body[5]);
}

/* One byte each way; fast while there is something to say or to hear. */
static avr_cycle_count_t bus_step(avr_t *chip, avr_cycle_count_t when, void *parameter)
{
    (void)chip;
    (void)parameter;
    bool busy = bus_first < bus_after;
    uint8_t byte = busy ? bus_queue[bus_first++] : 0;
    bus_heard = 0;
    avr_raise_irq(bus_in, byte);
    busy = busy || bus_heard;
    bus_quiet_steps = busy ? 0 : bus_quiet_steps + 1;
    if (bus_idle_asked && bus_quiet_steps >= BUS_QUIET_STEPS) {
        bus_idle_asked = false;
        say("bus idle");
    }
    return when + (busy ? BUS_BYTE_CYCLES : BUS_IDLE_CYCLES);
}

void bus_report_idle(void)
{
    bus_quiet_steps = 0;
    bus_idle_asked = true;
}

static void bus_start(void)
{
    frame_decoder_init(&bus_decoder, bus_body, sizeof bus_body);
    avr_cycle_timer_register(avr, BUS_IDLE_CYCLES, bus_step, NULL);
}

void bus_connect(void)
{
    chip_at_reset(bus_start);
    uint32_t spi = AVR_IOCTL_SPI_GETIRQ(0);
    bus_in = avr_io_getirq(avr, spi, SPI_IRQ_INPUT);
    avr_irq_register_notify(avr_io_getirq(avr, spi, SPI_IRQ_OUTPUT), bus_on_byte, NULL);
}
