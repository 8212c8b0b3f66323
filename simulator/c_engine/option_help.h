/* What the command line tells about itself. */
#ifndef OPTION_HELP_H
#define OPTION_HELP_H

void print_option_help(void);
void print_version(void);

/* Says that there is no option `word`, and which one was probably meant. Returns the exit status. */
int unknown_option(const char *word);

#endif
