/* What the host may say of the radio; presses and outcomes go through keypads.h. */
#ifndef RADIO_H
#define RADIO_H

#include <stdint.h>

#include "nrf24.h"

/* Listen here from now on. The address as it goes over the air. */
void radio_set(uint8_t channel, const uint8_t address[NRF24_ADDRESS_BYTES]);

#endif
