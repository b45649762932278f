#include "pins.h"

#include <string.h>

#include <avr_ioport.h>

#include "chip.h"
#include "console.h"

#define PULSE_US 50
#define REST_US 40000
#define BOUNCE_US 700
#define MAX_BITS 1024
#define READER_PIN 2 /* D0, then D1 */
#define SWITCHES 4

static char queue[MAX_BITS + 1];
static size_t first, after;
static uint32_t bit_every_us;
static int low_line = -1;
static bool clocking;

static struct contact {
    bool closed;
    uint8_t bounces_left;
} contacts[SWITCHES];

static avr_irq_t *pin(char port, int number)
{
    return avr_io_getirq(avr, AVR_IOCTL_IOPORT_GETIRQ(port), number);
}

static avr_cycle_count_t clock_bit(avr_t *chip, avr_cycle_count_t when, void *parameter)
{
    (void)chip;
    (void)parameter;
    if (low_line >= 0) {
        avr_raise_irq(pin('D', READER_PIN + low_line), 1);
        low_line = -1;
        return when + (first < after ? bit_every_us - PULSE_US : REST_US) * CYCLES_PER_US;
    }
    if (first == after) {
        clocking = false;
        say("wiegand sent");
        return 0;
    }
    low_line = queue[first++] - '0';
    avr_raise_irq(pin('D', READER_PIN + low_line), 0);
    return when + PULSE_US * CYCLES_PER_US;
}

void pins_wiegand(const char *bits, uint32_t every_us)
{
    size_t count = strlen(bits);
    if (first == after)
        first = after = 0;
    if (after + count > MAX_BITS || strspn(bits, "01") != count || every_us <= PULSE_US) {
        say("error: wiegand %s", bits);
        return;
    }
    memcpy(queue + after, bits, count);
    after += count;
    bit_every_us = every_us;
    if (count && !clocking) {
        clocking = true;
        avr_cycle_timer_register(avr, PULSE_US * CYCLES_PER_US, clock_bit, NULL);
    }
}

/* A closed switch is stronger than the pull-up that the firmware may switch on at any time. */
static void set(struct contact *contact, bool closed)
{
    static uint8_t high = (1 << SWITCHES) - 1;
    int number = (int)(contact - contacts);
    high = (uint8_t)(closed ? high & ~(1 << number) : high | 1 << number);
    avr_ioport_external_t outside = {.name = 'C', .mask = (1 << SWITCHES) - 1, .value = high};
    avr_ioctl(avr, AVR_IOCTL_IOPORT_SET_EXTERNAL('C'), &outside);
    avr_raise_irq(pin('C', number), closed); /* the chip takes notice of changes only */
    avr_raise_irq(pin('C', number), !closed);
}

static avr_cycle_count_t bounce(avr_t *chip, avr_cycle_count_t when, void *parameter)
{
    (void)chip;
    struct contact *contact = parameter;
    set(contact, contact->closed == (contact->bounces_left % 2 == 0));
    return contact->bounces_left-- ? when + BOUNCE_US * CYCLES_PER_US : 0;
}

void pins_switch(uint8_t number, bool closed, uint8_t bounces)
{
    if (number >= SWITCHES) {
        say("error: switch %u", number);
        return;
    }
    struct contact *contact = &contacts[number];
    contact->closed = closed;
    contact->bounces_left = (uint8_t)(2 * bounces);
    avr_cycle_timer_cancel(avr, bounce, contact);
    avr_cycle_timer_register(avr, CYCLES_PER_US, bounce, contact);
}

/* A reset forgets the levels, and whatever timer ran. */
static void pins_start(void)
{
    first = after = 0;
    clocking = false;
    low_line = -1;
    for (int line = 0; line < 2; line++)
        avr_raise_irq(pin('D', READER_PIN + line), 1);
    for (int i = 0; i < SWITCHES; i++) {
        contacts[i].bounces_left = 0;
        set(&contacts[i], contacts[i].closed);
    }
}

static void on_lamp(struct avr_irq_t *irq, uint32_t value, void *parameter)
{
    (void)irq;
    say("lamp %s %u", (const char *)parameter, value);
}

void lamps_connect(void)
{
    avr_irq_register_notify(pin('D', 4), on_lamp, "locate");
    avr_irq_register_notify(pin('D', 5), on_lamp, "question");
}

void pins_connect(void)
{
    chip_at_reset(pins_start);
}
