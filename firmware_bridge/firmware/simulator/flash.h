/* Flash that outlives the process, and the bootloader at its end. */
#ifndef FLASH_H
#define FLASH_H

#include <stdint.h>

/* Either may be NULL. A file that is not there is made of what the chip holds; one that is there is
 * what the chip holds. It is the chip's memory itself: however the process ends, it is as it was. */
void flash_open(const char *file, const char *bootloader_file);

/* The power fails before so many further erasures or writes of pages are done. */
void flash_cut_after(uint32_t operations);

void flash_before_step(void);

#endif
