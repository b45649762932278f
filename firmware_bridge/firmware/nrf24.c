#include "nrf24.h"

#include <avr/io.h>
#include <stddef.h>
#include <util/delay.h>

#define CE _BV(PB1)
#define CSN _BV(PB2)

#define R_REGISTER 0x00
#define W_REGISTER 0x20
#define R_RX_PAYLOAD 0x61
#define W_TX_PAYLOAD 0xA0
#define FLUSH_TX 0xE1
#define FLUSH_RX 0xE2

#define CONFIG 0x00
#define EN_AA 0x01
#define EN_RXADDR 0x02
#define SETUP_AW 0x03
#define SETUP_RETR 0x04
#define RF_CH 0x05
#define RF_SETUP 0x06
#define STATUS 0x07
#define RX_ADDR_P0 0x0A
#define TX_ADDR 0x10
#define RX_PW_P0 0x11
#define FIFO_STATUS 0x17
#define DYNPD 0x1C

#define PWR_UP 0x02
#define PRIM_RX 0x01
#define RX_EMPTY 0x01
#define TX_DS 0x20
#define ALL_EVENTS 0x70
#define ONE_MBIT_FULL_POWER 0x06
#define POWER_UP_MS 5
#define SENT_POLLS 50 /* of 10 us: a packet takes 130 us to settle and 80 us on the air */

static uint8_t exchange(uint8_t byte)
{
    SPDR = byte;
    while (!(SPSR & _BV(SPIF)))
        ;
    return SPDR;
}

/* A command and what follows it; the lowest byte of an address goes first. */
static uint8_t command(uint8_t what, const uint8_t *bytes, uint8_t count)
{
    PORTB &= (uint8_t)~CSN;
    uint8_t status = exchange(what);
    while (count--)
        exchange(*bytes++);
    PORTB |= CSN;
    return status;
}

static void set(uint8_t reg, uint8_t value)
{
    command(W_REGISTER | reg, &value, 1);
}

static void set_address(uint8_t reg, const uint8_t *address)
{
    uint8_t reversed[NRF24_ADDRESS_BYTES];
    for (uint8_t i = 0; i < NRF24_ADDRESS_BYTES; i++)
        reversed[i] = address[NRF24_ADDRESS_BYTES - 1 - i];
    command(W_REGISTER | reg, reversed, sizeof reversed);
}

static uint8_t get(uint8_t reg)
{
    PORTB &= (uint8_t)~CSN;
    exchange(R_REGISTER | reg);
    uint8_t value = exchange(0);
    PORTB |= CSN;
    return value;
}

void nrf24_start(void)
{
    PORTB |= CSN | _BV(PB4); /* MISO is pulled up: a missing module has nothing to say */
    PORTB &= (uint8_t)~CE;
    DDRB |= CE | CSN | _BV(PB3) | _BV(PB5);
    SPCR = _BV(SPE) | _BV(MSTR); /* mode 0, F_CPU / 4 */
    set(CONFIG, PWR_UP);
    _delay_ms(POWER_UP_MS);
    set(EN_AA, 0);
    set(EN_RXADDR, 1);
    set(SETUP_AW, NRF24_ADDRESS_BYTES - 2);
    set(SETUP_RETR, 0);
    set(RF_SETUP, ONE_MBIT_FULL_POWER);
    set(RX_PW_P0, NRF24_PAYLOAD_BYTES);
    set(DYNPD, 0);
    command(FLUSH_RX, NULL, 0);
    command(FLUSH_TX, NULL, 0);
    set(STATUS, ALL_EVENTS);
}

void nrf24_listen(uint8_t channel, const uint8_t address[NRF24_ADDRESS_BYTES])
{
    PORTB &= (uint8_t)~CE;
    set(RF_CH, channel);
    set_address(RX_ADDR_P0, address);
    set(CONFIG, PWR_UP | PRIM_RX);
    PORTB |= CE;
}

bool nrf24_take(uint8_t payload[NRF24_PAYLOAD_BYTES])
{
    if (get(FIFO_STATUS) & RX_EMPTY)
        return false;
    PORTB &= (uint8_t)~CSN;
    exchange(R_RX_PAYLOAD);
    for (uint8_t i = 0; i < NRF24_PAYLOAD_BYTES; i++)
        payload[i] = exchange(0);
    PORTB |= CSN;
    set(STATUS, ALL_EVENTS);
    return true;
}

void nrf24_send(const uint8_t address[NRF24_ADDRESS_BYTES],
                const uint8_t payload[NRF24_PAYLOAD_BYTES], uint8_t times)
{
    PORTB &= (uint8_t)~CE;
    set(CONFIG, PWR_UP);
    set_address(TX_ADDR, address);
    while (times--) {
        set(STATUS, TX_DS);
        command(W_TX_PAYLOAD, payload, NRF24_PAYLOAD_BYTES);
        PORTB |= CE;
        for (uint8_t polls = SENT_POLLS; polls && !(get(STATUS) & TX_DS); polls--)
            _delay_us(10);
        PORTB &= (uint8_t)~CE;
    }
    command(FLUSH_TX, NULL, 0); /* what a missing module has not sent */
    set(STATUS, TX_DS);
}
