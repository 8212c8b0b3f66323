//! From registers and a copy of the stack to the addresses of a call stack, by the unwind tables (`.eh_frame`) of the
//! files that the process runs. Works for code without frame pointers, such as the C library's `sin`.

use std::fs::File;
use std::ops::{Deref, Range};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use framehop::{CacheNative, Error, ExplicitModuleSectionInfo, UnwindRegsNative, Unwinder, UnwinderNative};
use memmap2::Mmap;
use object::{Object, ObjectSection, ObjectSegment, SegmentFlags};

use super::samples::{Frame, Module};

/// Stacks deeper than this are cut.
const MAX_FRAMES: usize = 512;

/// The registers that unwinding starts from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Registers {
    /// Instruction pointer.
    pub ip: u64,
    /// Stack pointer.
    pub sp: u64,
    /// Frame pointer.
    pub fp: u64,
    /// Link register; 0 where the machine has none.
    pub lr: u64,
}

/// How a stack ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// At the thread's first function.
    Complete,
    /// Beyond the bytes that were copied.
    Truncated,
    /// For another reason: no unwind table, nonsense in it.
    Failed,
}

/// The code of this process, and how to unwind it.
pub struct Code {
    unwinder: UnwinderNative<Section, framehop::MayAllocateDuringUnwind>,
    cache: CacheNative<framehop::MayAllocateDuringUnwind>,
    modules: Vec<Module>,
    mappings: Vec<Mapping>,
    errors: Vec<(u32, String)>,
}

struct Mapping {
    range: Range<u64>,
    module: u32,
    /// Of the mapping's first byte in the file.
    offset: u64,
    file: Option<Arc<Mmap>>,
}

/// Bytes of a section, kept alive by the memory map they lie in.
#[derive(Default)]
struct Section {
    map: Option<Arc<Mmap>>,
    range: Range<usize>,
}

impl Deref for Section {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        self.map.as_ref().map_or(&[], |map| &map[self.range.clone()])
    }
}

impl Code {
    /// Reads what is mapped now.
    ///
    /// # Errors
    /// When the process's map cannot be read. A file that cannot be read is listed in [`Code::errors`] instead.
    pub fn of_this_process() -> std::io::Result<Code> {
        let mut code = Code {
            unwinder: UnwinderNative::new(),
            cache: CacheNative::new(),
            modules: Vec::new(),
            mappings: Vec::new(),
            errors: Vec::new(),
        };
        code.refresh()?;
        Ok(code)
    }

    /// Adds what has been mapped since.
    ///
    /// # Errors
    /// As [`Code::of_this_process`].
    pub fn refresh(&mut self) -> std::io::Result<()> {
        let map = std::fs::read("/proc/self/maps")?;
        for line in String::from_utf8_lossy(&map).lines() {
            if let Some(entry) = Entry::parse(line)
                && !self.mappings.iter().any(|m| m.range == entry.range)
            {
                self.add(&entry);
            }
        }
        self.mappings.sort_by_key(|m| m.range.start);
        Ok(())
    }

    /// The files, in the order that [`Frame::module`] counts.
    #[must_use]
    pub fn modules(&self) -> &[Module] {
        &self.modules
    }

    /// Files that could not be read, by their index.
    #[must_use]
    pub fn errors(&self) -> &[(u32, String)] {
        &self.errors
    }

    /// Whether some file has code at this address of the process.
    #[must_use]
    pub fn knows(&self, address: u64) -> bool {
        self.find(address).is_some()
    }

    /// Whether a thread was asleep in a system call when a signal found it: the kernel then either steps back to the
    /// call, to restart it, or lets it return `EINTR`. `None` where the code cannot be read.
    #[must_use]
    pub fn asleep(&self, ip: u64, result: u64) -> Option<bool> {
        #[cfg(target_arch = "x86_64")]
        const CALL: &[u8] = &[0x0f, 0x05];
        #[cfg(target_arch = "aarch64")]
        const CALL: &[u8] = &[0x01, 0x00, 0x00, 0xd4];
        let mapping = self.mapping(ip)?;
        let at = usize::try_from(ip - mapping.range.start + mapping.offset).ok()?;
        let file = mapping.file.as_deref()?;
        let behind = file.get(at..)?.starts_with(CALL);
        let before = file.get(..at)?.ends_with(CALL);
        Some(behind || before && result as i64 == -i64::from(libc::EINTR))
    }

    /// Follows one stack into `frames` (cleared first), innermost first. `stack` is what lies at the stack pointer.
    pub fn unwind(&mut self, registers: Registers, stack: &[u8], frames: &mut Vec<Frame>) -> Outcome {
        frames.clear();
        let mut ran_off = false;
        let mut read = |address: u64| {
            let offset = address.checked_sub(registers.sp).ok_or(())?;
            let at = usize::try_from(offset).map_err(|_| ())?;
            let word = stack.get(at..).and_then(|rest| rest.first_chunk::<8>());
            ran_off |= word.is_none();
            word.map(|bytes| u64::from_ne_bytes(*bytes)).ok_or(())
        };
        #[cfg(target_arch = "x86_64")]
        let start = UnwindRegsNative::new(registers.ip, registers.sp, registers.fp);
        #[cfg(target_arch = "aarch64")]
        let start = UnwindRegsNative::new(registers.lr, registers.sp, registers.fp);
        let mut found: Vec<u64> = Vec::with_capacity(32);
        let mut walk = self.unwinder.iter_frames(registers.ip, start, &mut self.cache, &mut read);
        let end = loop {
            match walk.next() {
                Ok(Some(frame)) if found.len() < MAX_FRAMES => found.push(frame.address_for_lookup()),
                Ok(Some(_)) => break Outcome::Truncated,
                Ok(None) | Err(Error::ReturnAddressIsNull) => break Outcome::Complete,
                Err(_) => break Outcome::Failed,
            }
        };
        frames.extend(found.into_iter().map(|address| self.frame(address)));
        if end == Outcome::Failed && ran_off { Outcome::Truncated } else { end }
    }

    fn frame(&self, address: u64) -> Frame {
        match self.find(address) {
            Some(module) => Frame {
                module: Some(module),
                address: address.wrapping_sub(self.modules[module as usize].load_bias),
            },
            None => Frame { module: None, address },
        }
    }

    fn find(&self, address: u64) -> Option<u32> {
        self.mapping(address).map(|mapping| mapping.module)
    }

    fn mapping(&self, address: u64) -> Option<&Mapping> {
        let after = self.mappings.partition_point(|m| m.range.start <= address);
        self.mappings[..after].last().filter(|mapping| mapping.range.contains(&address))
    }

    fn add(&mut self, entry: &Entry) {
        let (loaded, error) = match Loaded::read(entry) {
            Ok(loaded) => (loaded, None),
            Err(reason) => (
                Loaded::default(),
                Some(format!("{}: {reason}; its code stays without names", entry.path.display())),
            ),
        };
        let Loaded { bias: load_bias, build_id, sections, file } = loaded;
        let module = Module { path: entry.path.clone(), build_id, sha256: None, load_bias };
        let known =
            self.modules.iter().position(|m| m.path == module.path && m.load_bias == module.load_bias);
        let index = known.unwrap_or(self.modules.len());
        if known.is_none() {
            self.modules.push(module);
        }
        self.errors.extend(error.map(|error| (index as u32, error)));
        let (range, offset) = (entry.range.clone(), entry.offset);
        self.mappings.push(Mapping { range, module: index as u32, offset, file });
        let name = entry.path.display().to_string();
        self.unwinder.add_module(framehop::Module::new(name, entry.range.clone(), load_bias, sections));
    }
}

/// What unwinding needs of a file.
#[derive(Default)]
struct Loaded {
    bias: u64,
    build_id: Option<String>,
    sections: ExplicitModuleSectionInfo<Section>,
    file: Option<Arc<Mmap>>,
}

impl Loaded {
    fn read(entry: &Entry) -> Result<Loaded, String> {
        let file = File::open(&entry.path).map_err(|e| e.to_string())?;
        let inode = file.metadata().map_err(|e| e.to_string())?.ino();
        if inode != entry.inode {
            return Err("replaced since it was loaded".into());
        }
        let map = Arc::new(map_file(&file).map_err(|e| e.to_string())?);
        let object = object::File::parse(&**map).map_err(|e| e.to_string())?;
        let bias = bias(&object, entry).ok_or("no segment matches the mapping")?;
        let range = |name: &str| {
            object.section_by_name(name).map(|s| s.address()..s.address().wrapping_add(s.size()))
        };
        let data = |name: &str| {
            let (start, length) = object.section_by_name(name)?.file_range()?;
            let range = usize::try_from(start).ok()?..usize::try_from(start.checked_add(length)?).ok()?;
            (range.end <= map.len()).then(|| Section { map: Some(Arc::clone(&map)), range })
        };
        let sections = ExplicitModuleSectionInfo {
            base_svma: 0,
            text_svma: range(".text"),
            got_svma: range(".got"),
            eh_frame_svma: range(".eh_frame"),
            eh_frame: data(".eh_frame"),
            eh_frame_hdr_svma: range(".eh_frame_hdr"),
            eh_frame_hdr: data(".eh_frame_hdr"),
            ..Default::default()
        };
        let build_id = object.build_id().ok().flatten().map(super::hexadecimal);
        Ok(Loaded { bias, build_id, sections, file: Some(map) })
    }
}

/// Address in the process minus address in the file. Segments share pages in the file, so only the executable ones count.
fn bias(object: &object::File<'_>, entry: &Entry) -> Option<u64> {
    object.segments().find_map(|segment| {
        let SegmentFlags::Elf { p_flags, .. } = segment.flags() else { return None };
        let (offset, length) = segment.file_range();
        let mapped = entry.range.end - entry.range.start;
        let holds =
            entry.offset < offset.saturating_add(length) && offset < entry.offset.saturating_add(mapped);
        let stated = segment.address().wrapping_add(entry.offset).wrapping_sub(offset);
        (p_flags.contains(object::elf::PF_X) && holds).then(|| entry.range.start.wrapping_sub(stated))
    })
}

#[expect(unsafe_code, reason = "memory maps of files")]
fn map_file(file: &File) -> std::io::Result<Mmap> {
    // SAFETY: the file is one that the loader has mapped into this process already; who truncates it breaks more than us.
    unsafe { Mmap::map(file) }
}

/// An executable, file-backed line of `/proc/self/maps`.
struct Entry {
    range: Range<u64>,
    offset: u64,
    inode: u64,
    path: PathBuf,
}

impl Entry {
    /// `start-end perms offset dev inode path`; `None` for data, for anonymous memory and for the kernel's own pages.
    fn parse(line: &str) -> Option<Entry> {
        let mut rest = line;
        let mut field = || {
            let trimmed = rest.trim_start();
            let (word, after) = trimmed.split_once(' ').unwrap_or((trimmed, ""));
            rest = after;
            word
        };
        let (start, end) = field().split_once('-')?;
        let range = u64::from_str_radix(start, 16).ok()?..u64::from_str_radix(end, 16).ok()?;
        let executable = field().contains('x');
        let offset = u64::from_str_radix(field(), 16).ok()?;
        let inode = {
            field();
            field()
        }
        .parse()
        .ok()?;
        let path = Path::new(rest.trim_start());
        (executable && path.is_absolute()).then(|| Entry { range, offset, inode, path: path.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_map() {
        let entry =
            Entry::parse("7f00-7f80 r-xp 00002000 08:01 4711                     /opt/a b/lib c.so").unwrap();
        assert_eq!((entry.range, entry.offset, entry.inode), (0x7f00..0x7f80, 0x2000, 4711));
        assert_eq!(entry.path, Path::new("/opt/a b/lib c.so"));
        assert!(Entry::parse("7f00-7f80 r--p 00002000 08:01 4711 /lib/x.so").is_none());
        assert!(Entry::parse("7f00-7f80 r-xp 00000000 00:00 0 [vdso]").is_none());
        assert!(Entry::parse("").is_none());
    }

    #[test]
    fn an_address_of_this_program_is_known() {
        let code = Code::of_this_process().unwrap();
        let here = lines_of_the_map as fn() as usize as u64;
        let frame = code.frame(here);
        let module = &code.modules()[frame.module.unwrap() as usize];
        assert_eq!(module.path, std::env::current_exe().unwrap());
        assert_eq!(frame.address.wrapping_add(module.load_bias), here);
        assert!(!code.knows(16));
    }

    #[test]
    fn nonsense_registers_end_in_an_outcome() {
        let mut code = Code::of_this_process().unwrap();
        let mut frames = Vec::new();
        for ip in [0, 1, u64::MAX, lines_of_the_map as fn() as usize as u64] {
            for sp in [0, 8, u64::MAX - 7] {
                code.unwind(Registers { ip, sp, fp: u64::MAX, lr: 1 }, &[0xff; 64], &mut frames);
                assert_eq!(frames[0].address, code.frame(ip).address);
            }
        }
    }
}
