#include "nrf24.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <avr_ioport.h>
#include <avr_spi.h>

#include "chip.h"
#include "console.h"

#define REGISTERS 0x20
#define WIDE 5 /* bytes of an address, at most */
#define FIFO 3
#define PAYLOAD 32
#define SETTLE_US 130
#define AIR_US 80

#define CONFIG 0x00
#define EN_AA 0x01
#define EN_RXADDR 0x02
#define SETUP_AW 0x03
#define RF_CH 0x05
#define RF_SETUP 0x06
#define STATUS 0x07
#define RX_ADDR_P0 0x0A
#define TX_ADDR 0x10
#define RX_PW_P0 0x11
#define FIFO_STATUS 0x17

#define PRIM_RX 0x01
#define PWR_UP 0x02
#define EN_CRC 0x08
#define RX_DR 0x40
#define TX_DS 0x20
#define EVENTS 0x70
#define RATES 0x28 /* RF_DR_LOW and RF_DR_HIGH: neither is 1 Mbit/s */

static uint8_t registers[REGISTERS][WIDE];
static uint8_t received[FIFO][PAYLOAD], sending[PAYLOAD];
static unsigned received_count, sending_bytes;
static bool selected, enabled;
static uint8_t word;
static unsigned position; /* of the next byte after the command */
static bool first;
static avr_irq_t *to_chip;
static avr_cycle_count_t enabled_at;

static bool is_wide(uint8_t reg)
{
    return reg == RX_ADDR_P0 || reg == RX_ADDR_P0 + 1 || reg == TX_ADDR;
}

static uint8_t status(void)
{
    return (uint8_t)(registers[STATUS][0] | (received_count ? 0 : 0x0E));
}

static uint8_t read_byte(uint8_t reg, unsigned at)
{
    if (reg == STATUS)
        return status();
    if (reg == FIFO_STATUS)
        return (uint8_t)((received_count ? 0 : 0x01) | (received_count == FIFO ? 0x02 : 0) |
                         (sending_bytes ? 0 : 0x10));
    return at < WIDE ? registers[reg][at] : 0;
}

static void write_byte(uint8_t reg, unsigned at, uint8_t value)
{
    if (reg == STATUS)
        registers[STATUS][0] &= (uint8_t)~(value & EVENTS);
    else if (at < (is_wide(reg) ? WIDE : 1))
        registers[reg][at] = value;
}

static unsigned address_bytes(void)
{
    return (registers[SETUP_AW][0] & 3) + 2u;
}

/* What the remotes of this world speak. */
static bool speaks_as_remotes(void)
{
    return !(registers[CONFIG][0] & EN_CRC) && registers[EN_AA][0] == 0 &&
           !(registers[RF_SETUP][0] & RATES) && address_bytes() == 3;
}

static avr_cycle_count_t sent(avr_t *chip, avr_cycle_count_t when, void *parameter)
{
    (void)chip;
    (void)when;
    (void)parameter;
    if (!sending_bytes || registers[CONFIG][0] & PRIM_RX)
        return 0;
    char payload[2 * PAYLOAD + 1] = "";
    for (unsigned i = 0; i < sending_bytes; i++)
        sprintf(payload + 2 * i, "%02X", sending[i]);
    uint8_t *address = registers[TX_ADDR];
    say("air %u %02X%02X%02X %s%s", registers[RF_CH][0], address[2], address[1], address[0], payload,
        speaks_as_remotes() ? "" : " unheard");
    sending_bytes = 0;
    registers[STATUS][0] |= TX_DS;
    return 0;
}

static uint8_t answer(uint8_t byte)
{
    if (first) {
        first = false;
        word = byte;
        position = 0;
        if (byte == 0xE1)
            sending_bytes = 0;
        else if (byte == 0xE2)
            received_count = 0;
        return status();
    }
    unsigned at = position++;
    if (word < 0x20)
        return read_byte(word, at);
    if (word < 0x40) {
        write_byte(word & 0x1F, at, byte);
    } else if (word == 0x61 && at < PAYLOAD && received_count) {
        return received[0][at];
    } else if (word == 0xA0 && at < PAYLOAD) {
        sending[at] = byte;
        sending_bytes = at + 1;
    }
    return 0;
}

static void on_byte(struct avr_irq_t *irq, uint32_t value, void *parameter)
{
    (void)irq;
    (void)parameter;
    avr_raise_irq(to_chip, selected ? answer((uint8_t)value) : 0xFF);
}

static void on_select(struct avr_irq_t *irq, uint32_t high, void *parameter)
{
    (void)irq;
    (void)parameter;
    if (selected && high && word == 0x61 && position && received_count) {
        received_count--;
        memmove(received[0], received[1], sizeof received - sizeof received[0]);
    }
    selected = !high;
    first = selected;
    position = 0;
}

static void on_enable(struct avr_irq_t *irq, uint32_t high, void *parameter)
{
    (void)irq;
    (void)parameter;
    enabled = high;
    enabled_at = avr->cycle;
    if (enabled && registers[CONFIG][0] & PWR_UP && !(registers[CONFIG][0] & PRIM_RX))
        avr_cycle_timer_register(avr, (SETTLE_US + AIR_US) * CYCLES_PER_US, sent, NULL);
}

void nrf24_air(const char *address, const char *channel_and_payload)
{
    uint8_t wanted[3], payload[PAYLOAD];
    char *text;
    unsigned long channel = strtoul(channel_and_payload, &text, 10);
    text += strspn(text, " ");
    size_t count = strlen(text) / 2;
    if (strlen(address) != 6 || !parse_hex(address, wanted, 3) || count > PAYLOAD ||
        !parse_hex(text, payload, count)) {
        say("error: air %s %s", address, channel_and_payload);
        return;
    }
    const uint8_t *own = registers[RX_ADDR_P0];
    const uint8_t config = registers[CONFIG][0];
    bool listens = enabled && config & PWR_UP && config & PRIM_RX && registers[EN_RXADDR][0] & 1 &&
                   avr->cycle - enabled_at >= SETTLE_US * CYCLES_PER_US;
    bool ours = own[2] == wanted[0] && own[1] == wanted[1] && own[0] == wanted[2];
    if (!listens || !ours || !speaks_as_remotes() || registers[RF_CH][0] != channel ||
        registers[RX_PW_P0][0] != count || received_count == FIFO) {
        say("unheard %s", text);
        return;
    }
    memcpy(received[received_count++], payload, count);
    registers[STATUS][0] |= RX_DR;
    say("heard %s", text);
}

/* The module has its own power: it stays as it is, only its lines are let go. */
static void let_go(void)
{
    selected = enabled = false;
}

void nrf24_connect(void)
{
    uint32_t spi = AVR_IOCTL_SPI_GETIRQ(0);
    uint32_t port = AVR_IOCTL_IOPORT_GETIRQ('B');
    to_chip = avr_io_getirq(avr, spi, SPI_IRQ_INPUT);
    registers[CONFIG][0] = EN_CRC;
    registers[EN_AA][0] = 0x3F;
    registers[EN_RXADDR][0] = 0x03;
    registers[SETUP_AW][0] = 0x03;
    registers[RF_CH][0] = 0x02;
    registers[RF_SETUP][0] = 0x0E;
    memset(registers[RX_ADDR_P0], 0xE7, WIDE);
    memset(registers[TX_ADDR], 0xE7, WIDE);
    avr_irq_register_notify(avr_io_getirq(avr, spi, SPI_IRQ_OUTPUT), on_byte, NULL);
    avr_irq_register_notify(avr_io_getirq(avr, port, 1), on_enable, NULL);
    avr_irq_register_notify(avr_io_getirq(avr, port, 2), on_select, NULL);
    chip_at_reset(let_go);
}
