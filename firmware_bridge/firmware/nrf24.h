/* An nRF24L01+ on the SPI: CSN on PB2, CE on PB1. 1 Mbit/s, addresses of 3 bytes, payloads of 6, no
 * acknowledgement and no CRC of its own. */
#ifndef NRF24_H
#define NRF24_H

#include <stdbool.h>
#include <stdint.h>

#define NRF24_ADDRESS_BYTES 3
#define NRF24_FIFO 3 /* packets that it holds */
#define NRF24_PAYLOAD_BYTES 6

void nrf24_start(void);
void nrf24_listen(uint8_t channel, const uint8_t address[NRF24_ADDRESS_BYTES]);
bool nrf24_take(uint8_t payload[NRF24_PAYLOAD_BYTES]);

/* Send so many times, then listen nowhere. Takes about 2 ms for five. */
void nrf24_send(const uint8_t address[NRF24_ADDRESS_BYTES],
                const uint8_t payload[NRF24_PAYLOAD_BYTES], uint8_t times);

#endif
