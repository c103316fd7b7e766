//! The bytes of a snapshot: the files of a base backup, cut into chunks, each sealed under the data key of the
//! snapshot when it has one. Chunks are known by the hash of their content, which is how an incremental copy finds
//! what it need not move. The files are blocking; call this away from the event loop.

use std::collections::{HashMap, HashSet};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt, chown, symlink};
use std::path::{Component, Path, PathBuf};

use aes_gcm::aead::Aead;
use aes_gcm::{Aes256Gcm, KeyInit, Nonce};
use sha2::{Digest, Sha256};

use crate::kms::SealedDataKey;

const CHUNK_BYTES: usize = 1024 * 1024;

type Hash = [u8; 32];

/// A snapshot's stored files. The stored file goes when the last user of the archive does.
#[derive(Debug)]
pub struct Archive {
    path: PathBuf,
    entries: Vec<Entry>,
    /// The data key under which the chunks are sealed, itself sealed by its KMS key; `None` when they lie open.
    pub data_key: Option<SealedDataKey>,
    /// The content in bytes, before sealing.
    pub content_bytes: u64,
    /// What lies on the disk, in bytes.
    pub stored_bytes: u64,
}

#[derive(Debug, Clone)]
struct Entry {
    path: PathBuf,
    mode: u32,
    content: Content,
}

#[derive(Debug, Clone)]
enum Content {
    Directory,
    Link(PathBuf),
    File(Vec<Chunk>),
}

#[derive(Debug, Clone, Copy)]
struct Chunk {
    hash: Hash,
    offset: u64,
    stored_bytes: usize,
    /// The number of the chunk in its archive, which no two chunks under one data key share.
    number: u64,
}

/// Seals and opens the chunks of one archive. Every archive has a data key of its own.
pub struct Seal(Option<Aes256Gcm>);

impl Seal {
    /// The seal under `data_key`, or none.
    pub fn new(data_key: Option<&[u8; 32]>) -> Self {
        Self(data_key.map(|key| Aes256Gcm::new(key.into())))
    }

    fn close(&self, number: u64, chunk: Vec<u8>) -> io::Result<Vec<u8>> {
        match &self.0 {
            Some(cipher) => cipher
                .encrypt(&nonce(number), chunk.as_slice())
                .map_err(|_| io::Error::other("cannot seal a chunk")),
            None => Ok(chunk),
        }
    }

    fn open(&self, number: u64, chunk: Vec<u8>) -> io::Result<Vec<u8>> {
        match &self.0 {
            Some(cipher) => cipher
                .decrypt(&nonce(number), chunk.as_slice())
                .map_err(|_| io::Error::other("a chunk does not open under its data key")),
            None => Ok(chunk),
        }
    }
}

/// The number of the chunk: used once for each data key, as the cipher demands.
fn nonce(number: u64) -> Nonce<aes_gcm::aead::consts::U12> {
    let mut bytes = [0; 12];
    bytes[4..].copy_from_slice(&number.to_be_bytes());
    bytes.into()
}

impl Archive {
    /// Packs a tar stream into the new file `path`.
    pub fn pack(
        mut tar: impl Read,
        path: &Path,
        seal: &Seal,
        data_key: Option<SealedDataKey>,
    ) -> io::Result<Self> {
        let mut packer = Packer::create(path, seal)?;
        for entry in tar::Archive::new(&mut tar).entries()? {
            let mut entry = entry?;
            let header = entry.header();
            let (kind, mode) = (header.entry_type(), header.mode()? & 0o777);
            let name = inner_path(&entry.path()?)?;
            let content = if kind.is_dir() {
                Content::Directory
            } else if kind.is_symlink() {
                Content::Link(entry.link_name()?.unwrap_or_default().into_owned())
            } else {
                let mut chunks = Vec::new();
                loop {
                    let mut chunk = Vec::with_capacity(
                        CHUNK_BYTES.min(usize::try_from(entry.size()).unwrap_or(CHUNK_BYTES)),
                    );
                    entry.by_ref().take(CHUNK_BYTES as u64).read_to_end(&mut chunk)?;
                    if chunk.is_empty() {
                        break;
                    }
                    let length = chunk.len();
                    chunks.push(packer.append(Sha256::digest(&chunk).into(), length, || Ok(chunk))?);
                }
                Content::File(chunks)
            };
            packer.entries.push(Entry { path: name, mode, content });
        }
        // The stream goes on after the archive's end; whoever writes it would be killed if nobody read that.
        io::copy(&mut tar, &mut io::sink())?;
        packer.finish(data_key)
    }

    /// Copies this archive into the new file `path` under another seal. A chunk that `held`, an archive on the side
    /// of the target, has too is taken from there; only the others are read from this one.
    pub fn copy(
        &self,
        own_seal: &Seal,
        held: Option<(&Self, &Seal)>,
        path: &Path,
        seal: &Seal,
        data_key: Option<SealedDataKey>,
    ) -> io::Result<Self> {
        let source = File::open(&self.path)?;
        let held = match held {
            Some((archive, seal)) => {
                let chunks: HashMap<Hash, Chunk> =
                    archive.chunks().map(|chunk| (chunk.hash, *chunk)).collect();
                Some((File::open(&archive.path)?, seal, chunks))
            }
            None => None,
        };
        let mut packer = Packer::create(path, seal)?;
        for entry in &self.entries {
            let content = match &entry.content {
                Content::File(chunks) => {
                    let mut copied = Vec::with_capacity(chunks.len());
                    for chunk in chunks {
                        let content =
                            || match held.as_ref().and_then(|held| Some((held, held.2.get(&chunk.hash)?))) {
                                Some(((file, seal, _), chunk)) => chunk.read(file, seal),
                                None => chunk.read(&source, own_seal),
                            };
                        copied.push(packer.append(chunk.hash, self.length_of(chunk), content)?);
                    }
                    Content::File(copied)
                }
                other => other.clone(),
            };
            packer.entries.push(Entry { content, ..entry.clone() });
        }
        packer.finish(data_key)
    }

    /// How many bytes of this archive `held` lacks: what a copy has to move when it may use `held`.
    pub fn bytes_missing_from(&self, held: &Self) -> u64 {
        let held: HashSet<Hash> = held.chunks().map(|chunk| chunk.hash).collect();
        self.chunks()
            .filter(|chunk| !held.contains(&chunk.hash))
            .map(|chunk| self.length_of(chunk) as u64)
            .sum()
    }

    /// The length of a chunk before sealing.
    fn length_of(&self, chunk: &Chunk) -> usize {
        chunk.stored_bytes - if self.data_key.is_some() { SEAL_BYTES } else { 0 }
    }

    /// Writes the files below the existing `directory`, owned by `owner` (user and group) when one is given.
    pub fn unpack(&self, seal: &Seal, directory: &Path, owner: Option<(u32, u32)>) -> io::Result<()> {
        let source = File::open(&self.path)?;
        for entry in &self.entries {
            let path = directory.join(&entry.path);
            match &entry.content {
                Content::Directory if path.is_dir() => {}
                Content::Directory => DirBuilder::new().mode(entry.mode).create(&path)?,
                Content::Link(target) => symlink(target, &path)?,
                Content::File(chunks) => {
                    let mut file =
                        OpenOptions::new().write(true).create_new(true).mode(entry.mode).open(&path)?;
                    for chunk in chunks {
                        file.write_all(&chunk.read(&source, seal)?)?;
                    }
                }
            }
            if let (Some((user, group)), false) = (owner, matches!(entry.content, Content::Link(_))) {
                chown(&path, Some(user), Some(group))?;
            }
        }
        Ok(())
    }

    fn chunks(&self) -> impl Iterator<Item = &Chunk> {
        self.entries.iter().flat_map(|entry| match &entry.content {
            Content::File(chunks) => chunks.as_slice(),
            Content::Directory | Content::Link(_) => &[],
        })
    }
}

impl Drop for Archive {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::debug!(path = %self.path.display(), %error, "the archive was gone already");
        }
    }
}

/// What the cipher adds to a chunk.
const SEAL_BYTES: usize = 16;

impl Chunk {
    fn read(&self, file: &File, seal: &Seal) -> io::Result<Vec<u8>> {
        let mut stored = vec![0; self.stored_bytes];
        file.read_exact_at(&mut stored, self.offset)?;
        seal.open(self.number, stored)
    }
}

/// An archive that is being written; its file goes again when it is not finished.
struct Packer<'a> {
    file: BufWriter<File>,
    seal: &'a Seal,
    entries: Vec<Entry>,
    number: u64,
    /// What is stored already. Every database begins as a copy of another, so that most of a small cluster is there thrice.
    stored: HashMap<Hash, Chunk>,
    archive: Archive,
}

impl<'a> Packer<'a> {
    fn create(path: &Path, seal: &'a Seal) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        let archive = Archive {
            path: path.to_owned(),
            entries: Vec::new(),
            data_key: None,
            content_bytes: 0,
            stored_bytes: 0,
        };
        let stored = HashMap::new();
        Ok(Self { file: BufWriter::new(file), seal, entries: Vec::new(), number: 0, stored, archive })
    }

    /// Adds a chunk of this length to the content, and stores it unless the same is stored already.
    fn append(
        &mut self,
        hash: Hash,
        length: usize,
        content: impl FnOnce() -> io::Result<Vec<u8>>,
    ) -> io::Result<Chunk> {
        self.archive.content_bytes += length as u64;
        if let Some(chunk) = self.stored.get(&hash) {
            return Ok(*chunk);
        }
        let stored = self.seal.close(self.number, content()?)?;
        let chunk = Chunk {
            hash,
            offset: self.archive.stored_bytes,
            stored_bytes: stored.len(),
            number: self.number,
        };
        self.file.write_all(&stored)?;
        self.archive.stored_bytes += stored.len() as u64;
        self.number += 1;
        self.stored.insert(hash, chunk);
        Ok(chunk)
    }

    fn finish(mut self, data_key: Option<SealedDataKey>) -> io::Result<Archive> {
        self.file.flush()?;
        self.archive.entries = self.entries;
        self.archive.data_key = data_key;
        Ok(self.archive)
    }
}

/// A path of a tar stream, which must not lead out of the directory into which it is unpacked.
fn inner_path(path: &Path) -> io::Result<PathBuf> {
    let parts = path.components().filter(|part| !matches!(part, Component::CurDir));
    let inner: PathBuf = parts.clone().collect();
    if parts.into_iter().all(|part| matches!(part, Component::Normal(_))) {
        return Ok(inner);
    }
    Err(io::Error::other(format!("the backup names a file outside of it: {}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Directory(PathBuf);

    impl Directory {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("rds-emulator-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn join(&self, name: &str) -> PathBuf {
            self.0.join(name)
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn tar_of(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, content) in files {
            let mut header = tar::Header::new_gnu();
            header.set_mode(0o600);
            header.set_size(content.len() as u64);
            builder.append_data(&mut header, name, *content).unwrap();
        }
        builder.into_inner().unwrap()
    }

    fn key(directory: &str) -> SealedDataKey {
        SealedDataKey { key_arn: directory.to_owned(), blob: vec![], resource_id: "db-X".to_owned() }
    }

    #[test]
    fn what_was_packed_is_unpacked_and_is_not_readable_without_its_key() {
        let directory = Directory::new("pack");
        let large = vec![7; CHUNK_BYTES * 2 + 5];
        let (seal, path) = (Seal::new(Some(&[1; 32])), directory.join("archive"));
        let tar = tar_of(&[("a", b"rows of a customer"), ("empty", b""), ("large", &large)]);
        let archive = Archive::pack(tar.as_slice(), &path, &seal, Some(key("k"))).unwrap();

        let stored = fs::read(&path).unwrap();
        assert!(!stored.windows(8).any(|window| window == b"customer"));
        assert_eq!(archive.stored_bytes, stored.len() as u64);
        archive.unpack(&seal, &directory.0, None).unwrap();
        assert_eq!(fs::read(directory.join("large")).unwrap(), large);
        assert_eq!(fs::read(directory.join("a")).unwrap(), b"rows of a customer");

        let other = Directory::new("pack-other");
        assert!(archive.unpack(&Seal::new(Some(&[2; 32])), &other.0, None).is_err());
        drop(archive);
        assert!(!path.exists());
    }

    #[test]
    fn a_copy_moves_only_what_the_other_side_lacks_and_is_sealed_anew() {
        let directory = Directory::new("copy");
        let [first_seal, second_seal, target_seal] = [1, 2, 3].map(|byte| Seal::new(Some(&[byte; 32])));
        let before = tar_of(&[("same", &[1; 5000]), ("changed", &[2; 100])]);
        let after = tar_of(&[("same", &[1; 5000]), ("changed", &[3; 120])]);
        let held =
            Archive::pack(before.as_slice(), &directory.join("held"), &first_seal, Some(key("b"))).unwrap();
        let source =
            Archive::pack(after.as_slice(), &directory.join("source"), &second_seal, Some(key("a"))).unwrap();
        assert_eq!(source.bytes_missing_from(&held), 120);

        let copy = source
            .copy(
                &second_seal,
                Some((&held, &first_seal)),
                &directory.join("copy"),
                &target_seal,
                Some(key("b")),
            )
            .unwrap();
        drop((held, source));
        fs::create_dir(directory.join("out")).unwrap();
        copy.unpack(&target_seal, &directory.join("out"), None).unwrap();
        assert_eq!(fs::read(directory.join("out/changed")).unwrap(), [3; 120]);
        assert_eq!(fs::read(directory.join("out/same")).unwrap(), [1; 5000]);
    }

    #[test]
    fn what_is_there_twice_is_stored_once() {
        let directory = Directory::new("twice");
        let seal = Seal::new(Some(&[1; 32]));
        let tar = tar_of(&[("one", &[1; 5000]), ("two", &[1; 5000]), ("three", &[3; 10])]);
        let archive =
            Archive::pack(tar.as_slice(), &directory.join("archive"), &seal, Some(key("k"))).unwrap();
        assert_eq!(archive.content_bytes, 10_010);
        assert_eq!(archive.stored_bytes, 5010 + 2 * SEAL_BYTES as u64);

        let other = Seal::new(Some(&[2; 32]));
        let copy = archive.copy(&seal, None, &directory.join("copy"), &other, Some(key("k"))).unwrap();
        assert_eq!((copy.content_bytes, copy.stored_bytes), (archive.content_bytes, archive.stored_bytes));
        fs::create_dir(directory.join("out")).unwrap();
        copy.unpack(&other, &directory.join("out"), None).unwrap();
        assert_eq!(fs::read(directory.join("out/two")).unwrap(), [1; 5000]);
        assert_eq!(fs::read(directory.join("out/three")).unwrap(), [3; 10]);
    }

    #[test]
    fn a_backup_cannot_lead_out_of_its_directory() {
        assert!(inner_path(Path::new("../x")).is_err());
        assert!(inner_path(Path::new("/x")).is_err());
        assert_eq!(inner_path(Path::new("./a/b")).unwrap(), Path::new("a/b"));
    }
}
