/* --oddities: which of nanoBragg's departures from physics are reproduced. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "message.h"
#include "options.h"

static const struct {
    const char *name;
    size_t field;
} names[] = {
    {"implicit-dump", offsetof(oddities, implicit_dump)},
    {"hkl-stops-at-text", offsetof(oddities, hkl_stops_at_text)},
    {"convention-forces-pivot", offsetof(oddities, convention_forces_pivot)},
    {"normal-regenerated", offsetof(oddities, normal_regenerated)},
    {"close-is-a-default", offsetof(oddities, close_is_a_default)},
    {"ratio-before-twotheta", offsetof(oddities, ratio_before_twotheta)},
    {"triclinic-cell", offsetof(oddities, triclinic_cell)},
    {"pix0-ignored", offsetof(oddities, pix0_ignored)},
    {"interpolation-latch", offsetof(oddities, interpolation_latch)},
    {"source-weights-ignored", offsetof(oddities, source_weights_ignored)},
    {"first-source-polarization", offsetof(oddities, first_source_polarization)},
    {"last-layer-capture", offsetof(oddities, last_layer_capture)},
    {"compounded-oversample", offsetof(oddities, compounded_oversample)},
    {"background-scaling", offsetof(oddities, background_scaling)},
    {"phi-carry-over", offsetof(oddities, phi_carry_over)},
};

enum { NAMES = sizeof names / sizeof names[0] };

static void put(oddities *odd, size_t field, bool on)
{
    memcpy((char *)odd + field, &on, sizeof on);
}

oddities nanobragg_oddities(void)
{
    oddities odd = {0};
    for (size_t i = 0; i < NAMES; ++i) put(&odd, names[i].field, true);
    odd.implicit_dump = odd.hkl_stops_at_text = false;
    return odd;
}

/* One part of the set: a whole set by its name, or one oddity with or without a sign. */
static int read_part(const char *part, size_t size, bool first, oddities *odd)
{
    static const oddities none;
    char word[40];
    if (size >= sizeof word) return usage_error("--oddities: there is no \"%.*s\"", (int)size, part);
    memcpy(word, part, size);
    word[size] = '\0';

    if (strcmp(word, "nanobragg") == 0 || strcmp(word, "oracle") == 0) {
        *odd = nanobragg_oddities();
        if (word[0] == 'o') odd->phi_carry_over = odd->compounded_oversample = false;
        return STATUS_OK;
    }
    if (strcmp(word, "none") == 0) {
        *odd = none;
        return STATUS_OK;
    }
    bool sign = word[0] == '+' || word[0] == '-';
    if (first && !sign) *odd = none; /* a plain list names all that are on */
    for (size_t i = 0; i < NAMES; ++i) {
        if (strcmp(word + sign, names[i].name) == 0) {
            put(odd, names[i].field, word[0] != '-');
            return STATUS_OK;
        }
    }
    return usage_error("--oddities: there is no \"%s\"; sets are nanobragg, none, oracle, names are those of the manual, "
                       "such as +implicit-dump or -background-scaling", word);
}

int read_oddities(const char *set, oddities *odd)
{
    *odd = nanobragg_oddities();
    for (bool first = true;; first = false) {
        size_t size = strcspn(set, ",");
        int status = read_part(set, size, first, odd);
        if (status || set[size] == '\0') return status;
        set += size + 1;
    }
}
