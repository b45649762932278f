/* An nRF24L01+ on the chip's SPI (CSN on PB2, CE on PB1), and the air around it. */
#ifndef SIMULATED_NRF24_H
#define SIMULATED_NRF24_H

void nrf24_connect(void);

/* A packet is in the air: the address and the payload in the order of the air, in hex. */
void nrf24_air(const char *address, const char *channel_and_payload);

#endif
