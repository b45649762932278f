/* EEPROM that outlives the process. */
#ifndef EEPROM_H
#define EEPROM_H

void eeprom_load(const char *file, const char *serial); /* either may be NULL */
void eeprom_store(void);

#endif
