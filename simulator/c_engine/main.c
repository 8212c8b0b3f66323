/* The C engine as a program: options, experiment, image, files. Keeps no state between calls. */
#include <stdio.h>

#include "message.h"
#include "options.h"
#include "output.h"
#include "image.h"

int nanobragg_c_main(int argc, char **argv);

static int check_traced(const char *flag, const given_count pixel[2], const detector *det)
{
    if (!pixel[0].given) return STATUS_OK;
    if (pixel[0].value >= 0 && pixel[0].value < det->fpixels && pixel[1].value >= 0 && pixel[1].value < det->spixels) {
        return STATUS_OK;
    }
    return usage_error("%s %ld %ld: the detector has %ld x %ld pixels, counted from 0", flag, pixel[0].value,
                       pixel[1].value, det->fpixels, det->spixels);
}

static void trace_one(const experiment *x, const image *img, long fpixel, long spixel, bool json)
{
    trace tell;
    trace_begin(&tell, stdout, json);
    trace_text(&tell, "schema", "nanobragg-trace/1");
    trace_text(&tell, "engine", "c");
    trace_pixel(x, img, fpixel, spixel, &tell);
    trace_end(&tell);
}

/* -printout, -printout_pixel and --trace-pixel. */
static void print_pixels(const experiment *x, const image *img)
{
    const options *opt = x->opt;
    const long *roi = x->det.roi;
    if (opt->trace_pixel[0].given) {
        trace_one(x, img, opt->trace_pixel[0].value, opt->trace_pixel[1].value, opt->trace_json);
    }
    if (opt->printout_pixel[0].given) {
        trace_one(x, img, opt->printout_pixel[0].value, opt->printout_pixel[1].value, false);
    } else if (opt->printout) {
        for (long s = roi[2]; s <= roi[3]; ++s) {
            for (long f = roi[0]; f <= roi[1]; ++f) trace_one(x, img, f, s, false);
        }
    }
}

static int run(const options *opt, experiment *x, image *img)
{
    int status = check_outputs(opt);
    if (!status) status = resolve_experiment(opt, x);
    if (!status) status = check_traced("--trace-pixel", opt->trace_pixel, &x->det);
    if (!status) status = check_traced("-printout_pixel", opt->printout_pixel, &x->det);
    if (status) return status;
    if (!opt->quiet) describe_experiment(x);

    status = render(x, img);
    if (status) return status;
    statistics stats = image_statistics(x, img);
    if (!opt->quiet) {
        printf("pixel loop: %.6f s on %d threads\n", img->seconds, x->threads);
        printf("image: maximum %.9g at pixel %ld %ld, mean %.9g, rms %.9g, rmsd %.9g over %ld pixels\n", stats.max,
               stats.max_fpixel, stats.max_spixel, stats.mean, stats.rms, stats.rmsd, stats.pixels);
        printf("solid angle of the detector: %.9g steradian\n", stats.solid_angle);
    }
    if (stats.not_finite > 0) warning("%ld pixels are not finite: some option or structure factor is too large", stats.not_finite);
    print_pixels(x, img);
    return write_outputs(x, img, &stats);
}

int nanobragg_c_main(int argc, char **argv)
{
    options opt;
    experiment x = {0};
    image img = {0};
    int status = read_options(argc, argv, &opt);
    if (status == STATUS_OK) {
        /* a JSON trace has standard output to itself */
        if (opt.trace_pixel[0].given && opt.trace_json) opt.quiet = 1;
        status = run(&opt, &x, &img);
    }
    free_image(&img);
    free_experiment(&x);
    fflush(stdout);
    return status == STATUS_ENDED ? STATUS_OK : status;
}
