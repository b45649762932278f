#include "chip.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include <sim_elf.h>

#include "console.h"
#include "flash.h"

#define RAM_START 0x100
#define MCUSR_ADDRESS 0x54
#define SP_ADDRESS 0x5D
#define MAX_STARTS 4
#define WILD_CYCLES 1000

avr_t *avr;
static void (*starts[MAX_STARTS])(void);
static int start_count;
static uint16_t lowest_stack = 0xFFFF;
static bool reset_due;
static bool was_reset, runs_wild;
static void (*core_reset)(avr_t *chip);

static void on_reset(avr_t *chip)
{
    core_reset(chip);
    was_reset = true; /* by whatever: its own watchdog too */
}

static void do_not_sleep(avr_t *chip, avr_cycle_count_t how_long)
{
    (void)chip;
    (void)how_long; /* whoever steps it keeps its pace */
}

void chip_make(const char *firmware_file)
{
    elf_firmware_t firmware = {0};
    if (elf_read_firmware(firmware_file, &firmware))
        fail("give the firmware's ELF file");
    avr = avr_make_mcu_by_name("atmega328p");
    avr_init(avr);
    avr_load_firmware(avr, &firmware);
    avr->frequency = CPU_HZ; /* avr_init() has set 1 MHz */
    avr->log = LOG_ERROR;
    avr->sleep = do_not_sleep;
    core_reset = avr->reset;
    avr->reset = on_reset;
    errno = 0; /* simavr leaves one behind */
}

void chip_at_reset(void (*start)(void))
{
    if (start_count == MAX_STARTS)
        fail("too much begins anew with the chip");
    starts[start_count++] = start;
}

void chip_spoil(uint16_t address)
{
    if (address >= RAM_START && address <= avr->ramend)
        avr->data[address] ^= 0x10;
}

void reset(enum cause cause)
{
    if (cause == POWER_ON)
        for (uint32_t at = RAM_START; at <= avr->ramend; at++)
            avr->data[at] = (uint8_t)random();
    avr_reset(avr);
    avr->data[MCUSR_ADDRESS] = cause;
}

static avr_cycle_count_t on_reset_due(avr_t *chip, avr_cycle_count_t when, void *parameter)
{
    (void)chip;
    (void)when;
    (void)parameter;
    reset_due = true; /* a reset within avr_run() would confuse it */
    return 0;
}

void reset_after(uint32_t delay_us)
{
    avr_cycle_timer_register(avr, delay_us * CYCLES_PER_US, on_reset_due, NULL);
}

void chip_step(void)
{
    if (was_reset) {
        was_reset = runs_wild = false;
        for (int i = 0; i < start_count; i++)
            starts[i]();
    }
    if (runs_wild) {
        avr->cycle += WILD_CYCLES;
        return;
    }
    flash_before_step();
    int state = avr_run(avr);
    if (state == cpu_Crashed && avr->reset_pc) { /* half of a firmware; a reset still helps it */
        say("the chip runs wild");
        runs_wild = true;
        return;
    }
    if (state == cpu_Crashed || state == cpu_Done)
        fail("the chip has stopped");
    if (reset_due) {
        reset_due = false;
        reset(EXTERNAL);
        say("reset glitch");
    }
    uint16_t stack = (uint16_t)(avr->data[SP_ADDRESS] | avr->data[SP_ADDRESS + 1] << 8);
    if (stack < lowest_stack && stack > RAM_START)
        lowest_stack = stack;
}

uint16_t chip_lowest_stack(void)
{
    return lowest_stack;
}
