//! Files on their way to disk, in blocks, on a thread of its own.
//!
//! Results are large and nobody reads them at once, so whole blocks go past the page cache where the file system can do
//! that: it spares a copy of everything and the memory that a server beside it has its own store in, and when the last
//! row is decided nearly all is on disk. Where it cannot, blocks are written as anybody would.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;

use crate::imports::files::private;

/// Bytes of a block, usually.
pub(crate) const BLOCK_BYTES: usize = 2 << 20;
/// Where memory and places in a file begin that a disk takes as they are.
const ALIGNED: usize = 4096;
/// Blocks on their way at most.
const AHEAD: usize = 4;

/// Bytes that lie where a disk can take them from.
#[derive(Debug)]
struct Block {
    bytes: Box<[u8]>,
    from: usize,
    used: usize,
}

impl Block {
    fn with(room: usize) -> Self {
        let bytes = vec![0; room + ALIGNED].into_boxed_slice();
        // Where a pointer cannot be told to be aligned, blocks are written as others are.
        let from = bytes.as_ptr().align_offset(ALIGNED).min(ALIGNED);
        Self {
            bytes,
            from,
            used: 0,
        }
    }

    fn end(&self) -> usize {
        self.bytes.len() - ALIGNED + self.from
    }

    fn is_full(&self) -> bool {
        self.from + self.used == self.end()
    }

    fn room(&mut self) -> &mut [u8] {
        let end = self.end();
        self.bytes
            .get_mut(self.from + self.used..end)
            .unwrap_or_default()
    }

    fn used(&self) -> &[u8] {
        self.bytes
            .get(self.from..self.from + self.used)
            .unwrap_or_default()
    }
}

/// What the thread is told.
#[derive(Debug)]
enum Told {
    /// Write that.
    Write { file: usize, at: u64, block: Block },
    /// See that all is on disk, and end.
    Sync,
}

/// A file that is being filled.
#[derive(Debug)]
struct Filling {
    block: Block,
    at: u64,
}

/// Files that are written from their beginnings to their ends.
#[derive(Debug)]
pub(crate) struct Disk {
    filling: Vec<Filling>,
    room: usize,
    to: Option<SyncSender<Told>>,
    spent: Receiver<Block>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Disk {
    /// Makes these files, empty, for their owner only. `room` is how many bytes a block has, a multiple of 4096.
    pub(crate) fn begin(paths: &[PathBuf], room: usize) -> io::Result<Self> {
        let files: Vec<Target> = paths
            .iter()
            .map(|path| Target::open(path))
            .collect::<io::Result<_>>()?;
        let (to, told) = sync_channel(AHEAD);
        let (back, spent) = channel();
        let thread = std::thread::Builder::new()
            .name("greenline-disk".to_owned())
            .spawn(move || write(files, &told, &back))?;
        let filling = paths.iter().map(|_| Filling {
            block: Block::with(room),
            at: 0,
        });
        Ok(Self {
            filling: filling.collect(),
            room,
            to: Some(to),
            spent,
            thread: Some(thread),
        })
    }

    /// Adds to the end of a file.
    #[inline]
    pub(crate) fn write(&mut self, file: usize, mut bytes: &[u8]) -> io::Result<()> {
        loop {
            let Some(filling) = self.filling.get_mut(file) else {
                return Err(io::Error::other("a file that was not opened"));
            };
            let room = filling.block.room();
            if let Some(place) = room.get_mut(..bytes.len()) {
                place.copy_from_slice(bytes);
                filling.block.used += bytes.len();
                return Ok(());
            }
            let (now, later) = bytes.split_at(room.len());
            room.copy_from_slice(now);
            filling.block.used += now.len();
            bytes = later;
            self.pass_on(file)?;
        }
    }

    /// Hands what a file has to the thread.
    #[cold]
    fn pass_on(&mut self, file: usize) -> io::Result<()> {
        let mut next = match self.spent.try_recv() {
            Ok(block) => block,
            Err(_) => Block::with(self.room),
        };
        next.used = 0;
        let Some(filling) = self.filling.get_mut(file) else {
            return Err(io::Error::other("a file that was not opened"));
        };
        let block = std::mem::replace(&mut filling.block, next);
        let at = filling.at;
        filling.at += block.used as u64;
        self.tell(Told::Write { file, at, block })
    }

    fn tell(&mut self, told: Told) -> io::Result<()> {
        let sent = self.to.as_ref().map(|to| to.send(told));
        match sent {
            Some(Ok(())) => Ok(()),
            // It has ended, and says why.
            _ => self.ended(),
        }
    }

    /// Waits for the thread to end.
    fn ended(&mut self) -> io::Result<()> {
        self.to = None;
        let Some(thread) = self.thread.take() else {
            return Err(io::Error::other("writing has ended already"));
        };
        let ended = thread.join();
        ended.unwrap_or_else(|_| Err(io::Error::other("writing ended in a panic")))
    }

    /// Writes what is left; when it returns, all is on disk.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        for file in 0..self.filling.len() {
            self.pass_on(file)?;
        }
        self.tell(Told::Sync)?;
        self.ended()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.thread.is_some() {
            let _ = self.ended();
        }
    }
}

fn write(mut files: Vec<Target>, told: &Receiver<Told>, back: &Sender<Block>) -> io::Result<()> {
    loop {
        match told.recv() {
            Ok(Told::Write { file, at, block }) => {
                if let Some(file) = files.get_mut(file) {
                    file.write(at, &block)?;
                }
                // Whoever fills blocks may be through.
                let _ = back.send(block);
            }
            Ok(Told::Sync) => return files.iter().try_for_each(|file| file.file.sync_all()),
            // Nobody wants it any more.
            Err(_) => return Ok(()),
        }
    }
}

/// A file that blocks go to, one after the other.
#[derive(Debug)]
struct Target {
    file: File,
    /// The same, past the page cache.
    direct: Option<File>,
}

impl Target {
    fn open(path: &Path) -> io::Result<Self> {
        Ok(Self {
            file: private(path)?,
            direct: direct(path),
        })
    }

    fn write(&mut self, at: u64, block: &Block) -> io::Result<()> {
        if let Some(direct) = &self.direct
            && block.is_full()
        {
            if put(direct, at, block.used()).is_ok() {
                return Ok(());
            }
            // This file system may want something else of whoever writes so; what is wrong with the disk comes again.
            self.direct = None;
        }
        put(&self.file, at, block.used())
    }
}

/// Opens a file once more, for writes past the page cache; nothing where that cannot be.
#[cfg(target_os = "linux")]
fn direct(path: &Path) -> Option<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = std::fs::OpenOptions::new();
    let flags = i32::try_from(rustix::fs::OFlags::DIRECT.bits()).ok()?;
    options.write(true).custom_flags(flags).open(path).ok()
}

#[cfg(not(target_os = "linux"))]
fn direct(_: &Path) -> Option<File> {
    None
}

#[cfg(unix)]
fn put(file: &File, at: u64, bytes: &[u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, at)
}

/// Blocks come in their order, so the file stands where the next belongs.
#[cfg(not(unix))]
fn put(mut file: &File, _: u64, bytes: &[u8]) -> io::Result<()> {
    io::Write::write_all(&mut file, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is written in pieces of these lengths, in turn to two files, in small blocks.
    fn written(place: &Path, lengths: &[usize]) {
        let paths = [place.join("a"), place.join("b")];
        let mut disk = Disk::begin(&paths, ALIGNED).unwrap();
        let mut expect = [Vec::new(), Vec::new()];
        for (at, length) in lengths.iter().enumerate() {
            let bytes: Vec<u8> = (0..*length).map(|byte| (at * 31 + byte) as u8).collect();
            disk.write(at % 2, &bytes).unwrap();
            expect[at % 2].extend(bytes);
        }
        disk.finish().unwrap();
        for (path, expect) in paths.iter().zip(expect) {
            assert!(
                std::fs::read(path).unwrap() == expect,
                "{path:?}: {lengths:?}"
            );
        }
    }

    #[test]
    fn files_hold_what_was_written_to_them() {
        let place = tempfile::tempdir().unwrap();
        for lengths in [
            &[][..],
            &[0, 0, 0],
            &[ALIGNED, ALIGNED],
            &[ALIGNED - 1, 1, 1, ALIGNED - 1, 1],
            &[5 * ALIGNED + 7, 3, 10_000, 4_000, 96, 4_096, 1],
        ] {
            written(place.path(), lengths);
        }
        let many: Vec<usize> = (0..2_000).map(|at| at * 7_919 % 257).collect();
        written(place.path(), &many);
    }

    #[test]
    fn what_does_not_begin_where_a_disk_wants_it_is_written_too() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("a");
        let mut target = Target::open(&path).unwrap();
        let mut block = Block::with(ALIGNED);
        block.from -= block.from.min(1);
        let from = block.from;
        block.room().fill(b'x');
        block.used = ALIGNED;
        target.write(0, &block).unwrap();
        assert_eq!(from, block.from);
        assert_eq!(std::fs::read(&path).unwrap(), [b'x'; ALIGNED]);
    }

    #[test]
    fn a_disk_that_says_no_is_heard() {
        let place = tempfile::tempdir().unwrap();
        let paths = [place.path().join("a")];
        assert!(Disk::begin(&[place.path().join("none/a")], ALIGNED).is_err());
        let mut disk = Disk::begin(&paths, ALIGNED).unwrap();
        // As if the thread had met an error.
        disk.ended().unwrap();
        let failed = (0..2 * AHEAD).find_map(|_| disk.write(0, &[0; 2 * ALIGNED]).err());
        assert!(failed.is_some());
    }
}
