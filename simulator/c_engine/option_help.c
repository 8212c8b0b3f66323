/* --help, --version, and the option that a mistyped word probably meant. */
#include "option_help.h"

#include <stdio.h>
#include <string.h>

#include "message.h"
#include "option_table.h"

#ifndef NB_VERSION
#define NB_VERSION "unknown"
#endif
#ifndef NB_COMPILER
#define NB_COMPILER "unknown compiler"
#endif
#ifndef NB_FLAGS
#define NB_FLAGS "unknown flags"
#endif

void print_option_help(void)
{
    puts("usage: nanobragg-c OPTION ...\n"
         "Computes the X-ray diffraction image of a small crystal, in photons per pixel.\n");
    for (size_t i = 0; i < option_table_size; ++i) {
        if (option_table[i].kind != ELSEWHERE) printf("  %-18s %s\n", option_table[i].name, option_table[i].help);
    }
}

void print_version(void)
{
    printf("nanobragg-c %s\ncompiler: %s\nflags: %s\nthreads: %s\n", NB_VERSION, NB_COMPILER, NB_FLAGS,
#ifdef _OPENMP
           "OpenMP"
#else
           "none (compiled without OpenMP)"
#endif
    );
}

enum { LONGEST = 32 };

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Edits (a letter more, less, other, or two swapped) between two words shorter than LONGEST. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t rows = strlen(a), columns = strlen(b), cost[LONGEST + 1][LONGEST + 1];
    for (size_t i = 0; i <= rows; ++i) {
        for (size_t j = 0; j <= columns; ++j) {
            if (i == 0 || j == 0) {
                cost[i][j] = i + j;
                continue;
            }
            cost[i][j] = least(least(cost[i - 1][j], cost[i][j - 1]) + 1, cost[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                cost[i][j] = least(cost[i][j], cost[i - 2][j - 2] + 1);
            }
        }
    }
    return cost[rows][columns];
}

int unknown_option(const char *word)
{
    const char *meant = NULL;
    size_t fewest = strlen(word) / 3 + 1;
    if (fewest > 3) fewest = 3;
    if (strlen(word) <= LONGEST) {
        for (size_t i = 0; i < option_table_size; ++i) {
            if (option_table[i].kind == ELSEWHERE) continue;
            size_t edits = edit_distance(word, option_table[i].name);
            if (edits <= fewest && (edits < fewest || !meant)) {
                meant = option_table[i].name;
                fewest = edits;
            }
        }
    }
    if (word[0] != '-') return usage_error("\"%s\" follows no option that takes it; options start with a minus", word);
    if (meant) return usage_error("unknown option %s: did you mean %s?", word, meant);
    return usage_error("unknown option %s; --help lists the options", word);
}
