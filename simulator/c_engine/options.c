/* Reading the command line: words of option_table.c, strict values, and the headers that come before it. */
#include "options.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"
#include "option_table.h"
#include "option_help.h"
#include "reader.h"

#define ELECTRONVOLT_ANGSTROM 12398.42

/* Any spelling of -mosaicity and -mosaic_spread is taken. */
static const option_rule *find_rule(const char *word)
{
    for (size_t i = 0; i < option_table_size; ++i) {
        if (strcmp(option_table[i].name, word) == 0) return &option_table[i];
    }
    if (strncmp(word, "-mosaici", 8) == 0 || strncmp(word, "-mosaic_spr", 11) == 0) return find_rule("-mosaic");
    return NULL;
}

/* The words that are still to be read. */
typedef struct {
    int left;
    char **next;
} word_list;

static int missing_value(const char *flag, const char *what)
{
    return usage_error("%s needs %s after it", flag, what);
}

/* The next word as a number; `what` says which value of the option it is. */
static int take_number(const char *flag, word_list *words, const char *what, double *value)
{
    if (words->left == 0) return missing_value(flag, what);
    if (!read_number(*words->next, value)) {
        if (find_rule(*words->next)) return missing_value(flag, what);
        return usage_error("%s needs %s, but \"%s\" %s", flag, what, *words->next, number_fault(*words->next));
    }
    ++words->next;
    --words->left;
    return STATUS_OK;
}

static int take_integer(const char *flag, word_list *words, const char *what, long *value)
{
    if (words->left == 0) return missing_value(flag, what);
    if (!read_integer(*words->next, value)) {
        if (find_rule(*words->next)) return missing_value(flag, what);
        return usage_error("%s needs %s, but \"%s\" %s", flag, what, *words->next, number_fault(*words->next));
    }
    ++words->next;
    --words->left;
    return STATUS_OK;
}

static int take_word(const char *flag, word_list *words, const char *what, const char **value)
{
    if (words->left == 0 || find_rule(*words->next) || **words->next == '\0') return missing_value(flag, what);
    *value = *words->next++;
    --words->left;
    return STATUS_OK;
}

static int take_vector(const char *flag, word_list *words, double unit, given_vector *target)
{
    double value[3];
    for (int i = 0; i < 3; ++i) {
        int status = take_number(flag, words, "three numbers", &value[i]);
        if (status) return status;
    }
    target->value = vec(value[0] * unit, value[1] * unit, value[2] * unit);
    target->given = true;
    return STATUS_OK;
}

/* One to six numbers; edges and angles that are left out follow from the first. */
static int take_cell(const char *flag, word_list *words, given_number *cell)
{
    for (int i = 0; i < 6; ++i) cell[i].given = false;
    int status = take_number(flag, words, "one to six numbers", &cell[0].value);
    if (status) return status;
    cell[0].given = true;
    for (int i = 1; i < 6 && words->left > 0 && read_number(*words->next, &cell[i].value); ++i) {
        cell[i].given = true;
        ++words->next;
        --words->left;
    }
    return STATUS_OK;
}

/* F,S: two integers with a comma between. */
static int take_pixel(const char *flag, word_list *words, given_count *pixel)
{
    const char *word;
    char first[32];
    int status = take_word(flag, words, "a pixel F,S", &word);
    if (status) return status;
    const char *comma = strchr(word, ',');
    size_t size = comma ? (size_t)(comma - word) : sizeof first;
    if (size < sizeof first) {
        memcpy(first, word, size);
        first[size] = '\0';
        if (read_integer(first, &pixel[0].value) && read_integer(comma + 1, &pixel[1].value)) {
            pixel[0].given = pixel[1].given = true;
            return STATUS_OK;
        }
    }
    return usage_error("%s needs a pixel F,S such as 12,40, not \"%s\"", flag, word);
}

/* Exactly one of two words; stores the value that belongs to it. */
static int take_either(const char *flag, word_list *words, const char *one, int one_value, const char *other,
                       int other_value, int *target)
{
    const char *word = NULL;
    char what[64];
    snprintf(what, sizeof what, other ? "%s or %s" : "%s", one, other);
    int status = take_word(flag, words, what, &word);
    if (status) return status;
    if (strcmp(word, one) == 0) *target = one_value;
    else if (other && strcmp(word, other) == 0) *target = other_value;
    else return usage_error("%s needs %s, not \"%s\"", flag, what, word);
    return STATUS_OK;
}

static int read_option(const option_rule *rule, const char *flag, word_list *words, options *opt)
{
    char *base = (char *)opt;
    double value;
    long whole;
    int status = STATUS_OK, ignored;

    switch (rule->kind) {
    case NUMBER:
    case ENERGY:
        if ((status = take_number(flag, words, "a number", &value))) return status;
        if (rule->kind == ENERGY && !(value > 0.0)) return usage_error("%s must be greater than 0 eV", flag);
        if (rule->kind == ENERGY) value = ELECTRONVOLT_ANGSTROM / value * 1e-10;
        for (int i = 0; i < TARGETS && rule->target[i] != NOWHERE; ++i) {
            given_number n = {true, value * rule->unit};
            memcpy(base + rule->target[i], &n, sizeof n);
        }
        break;
    case COUNT:
        if ((status = take_integer(flag, words, "a whole number", &whole))) return status;
        for (int i = 0; i < TARGETS && rule->target[i] != NOWHERE; ++i) {
            given_count n = {true, whole};
            memcpy(base + rule->target[i], &n, sizeof n);
        }
        break;
    case COUNTS:
        for (int i = 0; i < rule->value; ++i) {
            const char *what = rule->value == 4 ? "four whole numbers" : "two whole numbers";
            if ((status = take_integer(flag, words, what, &whole))) return status;
            given_count n = {true, whole};
            memcpy(base + rule->target[0] + (size_t)i * sizeof n, &n, sizeof n);
        }
        break;
    case TEXT: {
        const char *word;
        if ((status = take_word(flag, words, "a file name", &word))) return status;
        memcpy(base + rule->target[0], &word, sizeof word);
        break;
    }
    case DIRECTION:
        if ((status = take_vector(flag, words, rule->unit, (given_vector *)(void *)(base + rule->target[0])))) {
            return status;
        }
        opt->convention = rule->value;
        break;
    case SWITCH:
        memcpy(base + rule->target[0], &rule->value, sizeof rule->value);
        break;
    case CELL:
        status = take_cell(flag, words, opt->cell);
        break;
    case MISSET:
        opt->misset_random = words->left > 0 && strcmp(*words->next, "random") == 0;
        if (!opt->misset_random) return take_vector(flag, words, 1.0, &opt->misset);
        opt->misset.given = false;
        ++words->next;
        --words->left;
        break;
    case ABSORPTION:
        opt->absorption_depth.given = true;
        opt->absorption_depth.value = 0.0;
        if (words->left > 0 && strcmp(*words->next, "inf") == 0) {
            ++words->next;
            --words->left;
            break;
        }
        if ((status = take_number(flag, words, "a number or inf", &value))) return status;
        opt->absorption_depth.value = value * rule->unit;
        break;
    case PIVOT:
        status = take_either(flag, words, "sample", PIVOT_SAMPLE, "beam", PIVOT_BEAM, &opt->pivot);
        break;
    case PIXEL_PAIR:
        status = take_pixel(flag, words, opt->trace_pixel);
        break;
    case TRACE_FORMAT:
        status = take_either(flag, words, "text", 0, "json", 1, &opt->trace_json);
        break;
    case ODDITIES:
        /* a set may start with a minus, so any word will do */
        if (words->left == 0) return missing_value(flag, "a set of names");
        --words->left;
        status = read_oddities(*words->next++, &opt->odd);
        break;
    case PRECISION:
        status = take_either(flag, words, "f64", 0, NULL, 0, &ignored);
        break;
    case ENGINE:
        status = take_either(flag, words, "c", 0, NULL, 0, &ignored);
        break;
    case HELP:
        print_option_help();
        return STATUS_ENDED;
    case VERSION:
        print_version();
        return STATUS_ENDED;
    case ELSEWHERE:
        return usage_error("%s is an option of nanobragg that this engine does not have: leave it out", flag);
    }
    if (rule->pivot != PIVOT_UNSET) opt->pivot = rule->pivot;
    return status;
}

static options default_options(void)
{
    options opt = {0};
    opt.convention = MOSFLM;
    opt.shape = SQUARE;
    opt.round_divergence = YES;
    opt.floatfile = "floatimage.bin";
    opt.intfile = "intimage.img";
    opt.pgmfile = "image.pgm";
    opt.noisefile = "noiseimage.img";
    opt.odd = nanobragg_oddities();
    return opt;
}

static int read_words(int argc, char **argv, options *opt)
{
    word_list words = {argc - 1, argv + 1};
    while (words.left > 0) {
        const char *flag = *words.next++;
        --words.left;
        const option_rule *rule = find_rule(flag);
        int status = rule ? read_option(rule, flag, &words, opt) : unknown_option(flag);
        if (status) return status;
    }
    return STATUS_OK;
}

int read_options(int argc, char **argv, options *opt)
{
    options first = default_options();
    *opt = first;
    if (argc <= 1) return usage_error("nothing to do: give at least -cell or -mat; --help lists the options");
    int status = read_words(argc, argv, &first);
    /* the headers count as if they stood before the command line: the mask's, the image's, then the words */
    if (!status && first.mask) status = take_header("-mask", first.mask, true, opt);
    if (!status && first.image_header) status = take_header("-img", first.image_header, false, opt);
    if (!status) status = read_words(argc, argv, opt);
    return status;
}
