/* Two lamps: PD4 blinks while the host looks for this receiver, PD5 is on while a question is open. */
#ifndef LIGHTS_H
#define LIGHTS_H

#include <stdbool.h>
#include <stdint.h>

void lights_start(void);
void lights_question(bool open);
void lights_locate(uint8_t seconds);
void lights_update(void);

#endif
