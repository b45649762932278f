#define _GNU_SOURCE
#include "flash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <sim_hex.h>

#include "chip.h"
#include "console.h"

#define FLASH_BYTES 32768u
#define BEYOND_BYTES 4096u /* simavr wants an opcode behind the last word */
#define SPM_OPCODE 0x95E8
#define SPMCSR_ADDRESS 0x57
#define PAGE_ERASE 0x03
#define PAGE_WRITE 0x05

static uint32_t operations_left;

static void load_bootloader(const char *file)
{
    ihex_chunk_p chunks = NULL;
    int count = read_ihex_chunks(file, &chunks);
    if (count <= 0)
        fail("give the bootloader's HEX file");
    for (int i = 0; i < count; i++) {
        if (chunks[i].baseaddr + chunks[i].size > FLASH_BYTES)
            fail("the bootloader does not fit");
        memcpy(avr->flash + chunks[i].baseaddr, chunks[i].data, chunks[i].size);
    }
    avr->reset_pc = chunks[0].baseaddr;
    free_ihex_chunks(chunks);
    errno = 0;
}

static void keep_in(const char *path)
{
    int file = open(path, O_RDWR | O_CREAT, 0600);
    off_t size_bytes = file < 0 ? -1 : lseek(file, 0, SEEK_END);
    bool fresh = size_bytes == 0;
    if (size_bytes < 0 || (!fresh && size_bytes != FLASH_BYTES) ||
        (fresh && pwrite(file, avr->flash, FLASH_BYTES, 0) != FLASH_BYTES))
        fail(path);
    uint8_t *room = mmap(NULL, FLASH_BYTES + BEYOND_BYTES, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED || mmap(room, FLASH_BYTES, PROT_READ | PROT_WRITE,
                                   MAP_SHARED | MAP_FIXED, file, 0) == MAP_FAILED)
        fail(path);
    memcpy(room + FLASH_BYTES, avr->flash + FLASH_BYTES, 2);
    free(avr->flash);
    avr->flash = room;
    close(file);
}

void flash_open(const char *file, const char *bootloader_file)
{
    avr->codeend = avr->flashend;
    if (bootloader_file)
        load_bootloader(bootloader_file);
    if (file)
        keep_in(file);
}

void flash_cut_after(uint32_t operations)
{
    operations_left = operations;
}

void flash_before_step(void)
{
    if (!operations_left)
        return;
    uint16_t opcode = (uint16_t)(avr->flash[avr->pc] | avr->flash[avr->pc + 1] << 8);
    uint8_t what = avr->data[SPMCSR_ADDRESS] & 0x1F;
    if (opcode != SPM_OPCODE || (what != PAGE_ERASE && what != PAGE_WRITE) || --operations_left)
        return;
    say("cut before %s", what == PAGE_ERASE ? "erase" : "write");
    _exit(0);
}
