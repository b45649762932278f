/* The line to the host: UART 0, 8N1, both directions buffered and driven by interrupts. */
#ifndef UART_H
#define UART_H

#include <stdbool.h>
#include <stdint.h>

void uart_start(void);

/* Take the next byte that came in; false when there is none. */
bool uart_take(uint8_t *byte);

/* Whether the last transmission has left its buffer. */
bool uart_idle(void);

/* Transmit `size_bytes` from `bytes`, which must stay as they are until uart_idle(). */
void uart_send(const uint8_t *bytes, uint8_t size_bytes);

/* Bytes that came in while there was no room. */
uint32_t uart_overruns(void);

#endif
