//! The methods of iterators by what they do to a chain: the tables behind the rule of `chains.rs`.

use super::trips::Trips;

/// Whether `name` is one of the words.
fn one_of(name: &str, words: &str) -> bool {
    words.split_ascii_whitespace().any(|word| word == name)
}

/// Methods that make rayon iterators.
pub(super) fn rayon_source(name: &str) -> bool {
    name == "into_par_iter"
        || name.starts_with("par_") && !name.starts_with("par_sort") && name != "par_extend"
}

/// Methods that no sequential iterator has.
pub(super) fn only_rayon(name: &str) -> bool {
    const WORDS: &str = "with_min_len with_max_len map_init map_with for_each_init for_each_with try_for_each_init \
        try_for_each_with collect_into_vec unzip_into_vecs reduce_with try_reduce_with find_any find_first find_last \
        find_map_any find_map_first find_map_last position_any position_first position_last flat_map_iter \
        flatten_iter fold_with fold_chunks try_fold_with take_any skip_any";
    one_of(name, WORDS)
}

/// Methods that make iterators and nothing else.
pub(super) fn iterator_source(name: &str) -> bool {
    const WORDS: &str = "iter into_iter chunks chunks_exact chunks_mut chunks_exact_mut rchunks rchunks_exact \
        rchunks_mut rchunks_exact_mut windows array_windows array_chunks chunk_by chunk_by_mut chars char_indices \
        bytes lines split splitn rsplit rsplitn split_whitespace split_ascii_whitespace split_terminator \
        split_inclusive matches match_indices rmatches rmatch_indices drain keys values values_mut into_keys \
        into_values components ancestors encode_utf16";
    name.ends_with("_iter") || name.starts_with("iter_") || one_of(name, WORDS)
}

/// Adapters that only iterators have, with their number of arguments.
pub(super) fn iterator_only(name: &str, args: usize) -> bool {
    match args {
        0 => one_of(name, "enumerate rev peekable cycle fuse"),
        1 => one_of(name, "skip skip_while step_by take_while map_while filter_map flat_map chain"),
        2 => name == "scan",
        _ => false,
    }
}

/// Adapters that keep an iterating chain iterating.
pub(super) fn adapter(name: &str, args: usize, rayon: bool) -> bool {
    const ANY: &str = "map filter zip take copied cloned inspect flatten by_ref clone intersperse";
    const RAYON: &str = "fold try_fold update while_some zip_eq interleave interleave_shortest panic_fuse positions \
        by_exponential_blocks by_uniform_blocks";
    iterator_source(name) || iterator_only(name, args) || one_of(name, ANY) || rayon && one_of(name, RAYON)
}

/// Consumers that mean an iterator whatever they are called on. `closure`: the first argument is one.
pub(super) fn means_iterator(name: &str, args: usize, closure: bool, turbofish: bool) -> bool {
    const WITH_ONE: &str = "for_each try_for_each reduce_with min_by max_by min_by_key max_by_key collect_into_vec \
        find_any find_first find_last find_map_any find_map_first find_map_last position_any position_first \
        position_last";
    const WITH_CLOSURE: &str = "all any position rposition find_map partition partition_map reduce";
    const WITH_TWO: &str = "fold try_fold rfold try_rfold for_each_init for_each_with reduce try_for_each_init \
        try_for_each_with try_reduce unzip_into_vecs";
    match args {
        0 => one_of(name, "collect collect_vec") || turbofish && one_of(name, "sum product"),
        1 => one_of(name, WITH_ONE) || closure && one_of(name, WITH_CLOSURE),
        2 => one_of(name, WITH_TWO),
        _ => false,
    }
}

/// Consumers whose names other types have too.
pub(super) fn while_iterating(name: &str, args: usize) -> bool {
    const WITH_ONE: &str = "all any find rfind find_map position rposition partition partition_map reduce \
        is_sorted_by is_sorted_by_key cmp partial_cmp eq ne lt le gt ge is_partitioned collect_into";
    match args {
        0 => one_of(name, "sum product count last min max unzip is_sorted try_reduce"),
        1 => one_of(name, WITH_ONE),
        _ => false,
    }
}

/// Consumers that may stop before the last element.
pub(super) fn ends_early(name: &str) -> bool {
    const WORDS: &str = "all any rfind rposition cmp partial_cmp eq ne lt le gt ge is_sorted is_sorted_by \
        is_sorted_by_key is_partitioned";
    ["try_", "find", "position"].iter().any(|start| name.starts_with(start)) || one_of(name, WORDS)
}

/// Elements that a source makes of a collection of known length.
pub(super) fn source_trips(name: &str, length: Trips, argument: &str) -> Trips {
    const WHOLE: &str =
        "iter iter_mut into_iter into_par_iter bytes keys values values_mut into_keys into_values";
    const GROUPS: &str = "chunks chunks_exact chunks_mut chunks_exact_mut rchunks rchunks_exact rchunks_mut \
        rchunks_exact_mut";
    match name.strip_prefix("par_").unwrap_or(name) {
        "windows" => length.windows(argument),
        name if one_of(name, WHOLE) => length,
        name if one_of(name, GROUPS) => length.divided(argument),
        _ => Trips::Unknown,
    }
}

/// Elements that reach the end of a chain after an adapter.
pub(super) fn adapted_trips(name: &str, trips: Trips, argument: &str) -> Trips {
    match name {
        "flat_map" | "flatten" | "chain" | "cycle" | "flat_map_iter" | "flatten_iter" | "intersperse" => {
            Trips::Unknown
        }
        "step_by" | "chunks" => trips.divided(argument),
        "skip" => trips.skipping(argument),
        "take" => trips.taking(argument),
        "skip_while" | "take_while" | "map_while" | "scan" => trips.at_most(),
        _ => trips,
    }
}
