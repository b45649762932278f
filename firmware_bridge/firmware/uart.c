#include "uart.h"

#include <avr/interrupt.h>
#include <avr/io.h>
#include <util/atomic.h>

#define RX_BYTES 128u /* a power of 2 */
#define DIVISOR ((F_CPU + BAUD * 4) / (BAUD * 8) - 1)
#define ACTUAL_BAUD (F_CPU / (8 * (DIVISOR + 1)))
_Static_assert(ACTUAL_BAUD * 1000 / BAUD >= 975 && ACTUAL_BAUD * 1000 / BAUD <= 1025,
               "this BAUD is more than 2.5 % off at this F_CPU");

static volatile uint8_t rx[RX_BYTES];
static volatile uint8_t rx_head, rx_tail;
static volatile uint32_t overruns;
static const uint8_t *volatile tx;
static volatile uint8_t tx_left;

ISR(USART_RX_vect)
{
    uint8_t lost_in_hardware = UCSR0A & _BV(DOR0);
    uint8_t byte = UDR0;
    if (lost_in_hardware)
        overruns++;
    if ((uint8_t)(rx_head - rx_tail) < RX_BYTES)
        rx[rx_head++ % RX_BYTES] = byte;
    else
        overruns++;
}

ISR(USART_UDRE_vect)
{
    UDR0 = *tx++;
    if (--tx_left == 0)
        UCSR0B &= (uint8_t)~_BV(UDRIE0);
}

void uart_start(void)
{
    UBRR0 = DIVISOR;
    UCSR0A = _BV(U2X0);
    UCSR0C = _BV(UCSZ01) | _BV(UCSZ00);
    UCSR0B = _BV(TXEN0) | _BV(RXEN0) | _BV(RXCIE0);
}

bool uart_take(uint8_t *byte)
{
    if (rx_head == rx_tail)
        return false;
    *byte = rx[rx_tail % RX_BYTES];
    rx_tail++;
    return true;
}

bool uart_idle(void)
{
    return tx_left == 0;
}

void uart_send(const uint8_t *bytes, uint8_t size_bytes)
{
    tx = bytes;
    tx_left = size_bytes;
    ATOMIC_BLOCK(ATOMIC_RESTORESTATE)
    {
        UCSR0B |= _BV(UDRIE0);
    }
}

uint32_t uart_overruns(void)
{
    uint32_t count;
    ATOMIC_BLOCK(ATOMIC_RESTORESTATE)
    {
        count = overruns;
    }
    return count;
}
