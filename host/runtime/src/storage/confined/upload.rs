//! Writing files that appear whole or not at all.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path as FsPath, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use cap_std::fs::{Dir, OpenOptions};
use object_store::path::Path;
use object_store::{Error, MultipartUpload, PutPayload, PutResult, Result, UploadPart};

use super::folder::{Folder, beside, failure, object_meta, relative, temporary_beside};
use crate::spec::clip;
use crate::storage::upload::{Resume, Ticket};

/// Tries to make a file whose folder another writer removes meanwhile.
const CREATIONS_MAX: usize = 8;

/// Parts of files of one folder that are written at once, each with an open file: far less than the 256
/// descriptors that the meanest system grants.
pub(super) const WRITES_MAX: usize = 32;

/// Bytes of a write from which on the disk gets them at once: the run goes on meanwhile, and the commit,
/// which has to wait for the disk, finds little left to do.
const SYNC_BYTES_MIN: u64 = 1024 * 1024;

/// A file under a hidden name, beside the one it will become. Removed when dropped.
///
/// It is open only while something is written to it, since a run has more files than descriptors.
#[derive(Debug)]
pub(super) struct Temporary {
    folder: Arc<Folder>,
    dir: Arc<Dir>,
    location: Path,
    target: PathBuf,
    hidden: PathBuf,
    /// What it is known by to others, who need it to be on the disk.
    ticket: Option<Ticket>,
    /// Whether the hidden name is gone.
    published: bool,
}

impl Temporary {
    pub(super) fn create(folder: &Arc<Folder>, location: &Path) -> Result<Self> {
        let target = relative(location)?;
        let hidden = temporary_beside(&target);
        Self::create_as(folder, location, (target, hidden), None)
    }

    /// A file in the folder of its ticket, or beside what it becomes, which it is known by to others.
    pub(super) fn stage(folder: &Arc<Folder>, location: &Path, ticket: &Ticket) -> Result<Self> {
        let (target, unique) = (relative(location)?, uuid::Uuid::now_v7());
        let names = if let Some(hidden) = &ticket.folder {
            let hidden = hidden.clone().join(unique.to_string());
            ticket.begin(hidden.to_string());
            (target, relative(&hidden)?)
        } else {
            ticket.begin(unique.to_string());
            let hidden = beside(&target, unique);
            (target, hidden)
        };
        let staged = Self::create_as(folder, location, names, Some(ticket.clone()))?;
        let synced = staged.sync_folder_of(&staged.hidden);
        synced.map_err(|error| failure(location, error))?;
        Ok(staged)
    }

    /// A file that somebody staged.
    pub(super) fn adopt(folder: &Arc<Folder>, location: &Path, resume: &Resume) -> Result<Self> {
        let (target, id) = (relative(location)?, &resume.upload.id);
        let hidden = if let Some(folder) = &resume.folder {
            let hidden = Path::parse(id)?;
            let is_below = hidden.prefix_matches(folder) && hidden != *folder;
            is_below.then(|| relative(&hidden)).transpose()?
        } else {
            let unique = uuid::Uuid::try_parse(id).ok();
            unique.map(|unique| beside(&target, unique))
        };
        let hidden = hidden.ok_or_else(|| Error::Generic {
            store: "file",
            source: format!("`{}` is no file that was staged", clip(id)).into(),
        })?;
        let ticket = Ticket::new(resume.folder.clone());
        ticket.detach();
        Ok(Self {
            folder: Arc::clone(folder),
            dir: folder.dir().map_err(|error| failure(location, error))?,
            location: location.clone(),
            target,
            hidden,
            ticket: Some(ticket),
            published: false,
        })
    }

    fn create_as(
        folder: &Arc<Folder>,
        location: &Path,
        (target, hidden): (PathBuf, PathBuf),
        ticket: Option<Ticket>,
    ) -> Result<Self> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        let mut tries = 0;
        let dir = loop {
            tries += 1;
            let made = folder.dir_for(&hidden).and_then(|dir| {
                dir.open_with(&hidden, &options)?;
                Ok(dir)
            });
            match made {
                Ok(made) => break made,
                Err(error) if is_gone(&error) && tries < CREATIONS_MAX => {}
                Err(error) => return Err(failure(location, error)),
            }
        };
        Ok(Self {
            folder: Arc::clone(folder),
            dir,
            location: location.clone(),
            target,
            hidden,
            ticket,
            published: false,
        })
    }

    /// The file, for writing.
    fn open(&self) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.write(true);
        Ok(self.dir.open_with(&self.hidden, &options)?.into_std())
    }

    /// Writes `pieces`, one after the other, from `offset` on.
    pub(super) fn write_at(
        &self,
        pieces: impl IntoIterator<Item = impl AsRef<[u8]>>,
        offset: u64,
    ) -> Result<()> {
        let write = || {
            let file = self.open()?;
            let mut end = offset;
            for bytes in pieces {
                file.write_all_at(bytes.as_ref(), end)?;
                end += bytes.as_ref().len() as u64;
            }
            if end - offset >= SYNC_BYTES_MIN || self.ticket.is_some() {
                file.sync_data()?;
            }
            Ok(())
        };
        write().map_err(|error| failure(&self.location, error))
    }

    pub(super) fn copy_from(&self, source: &mut File) -> Result<()> {
        self.open()
            .and_then(|mut file| io::copy(source, &mut file))
            .map(drop)
            .map_err(|error| failure(&self.location, error))
    }

    /// Gives the file its name, in place of what has it.
    pub(super) fn publish(mut self) -> Result<PutResult> {
        let location = self.location.clone();
        let publish = |this: &mut Self| {
            if this.ticket.is_none() {
                this.open()?.sync_all()?;
            } else if !this.dir.exists(&this.hidden) {
                return Err(io::ErrorKind::NotFound.into());
            } else {
                this.folder.dir_for(&this.target)?;
            }
            this.dir.rename(&this.hidden, &this.dir, &this.target)?;
            this.published = true;
            this.sync_folder_of(&this.target)
        };
        publish(&mut self).map_err(|error| failure(&location, error))?;
        self.result()
    }

    /// Gives the file its name unless something has it.
    pub(super) fn publish_new(self) -> Result<PutResult> {
        let publish = || {
            self.open()?.sync_all()?;
            // Unlike renaming, linking fails if the name is taken. The hidden name goes with `self`.
            self.dir.hard_link(&self.hidden, &self.dir, &self.target)?;
            self.sync_folder_of(&self.target)
        };
        publish().map_err(|error| failure(&self.location, error))?;
        self.result()
    }

    /// Makes a name outlast a crash of the machine.
    fn sync_folder_of(&self, name: &FsPath) -> io::Result<()> {
        sync_folder_of(&self.dir, name)
    }

    /// Removes the file under its hidden name.
    fn discard(&self) {
        // Nobody is left to tell if this fails, and the name is hidden from every reader.
        let _ = self.dir.remove_file(&self.hidden);
        self.folder.prune(&self.hidden);
    }

    fn result(&self) -> Result<PutResult> {
        let metadata = self.dir.metadata(&self.target);
        let metadata = metadata.map_err(|error| failure(&self.location, error))?;
        let meta = object_meta(self.location.clone(), &metadata)?;
        Ok(PutResult {
            e_tag: meta.e_tag,
            version: None,
        })
    }
}

/// A folder that was removed between being made and being written to.
fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if self.published {
            // The folder of those that are staged goes with the last.
            if self.ticket.is_some() {
                self.folder.prune(&self.hidden);
            }
        } else if !self.ticket.as_ref().is_some_and(Ticket::is_detached) {
            self.discard();
        }
    }
}

/// Makes a name below `dir` outlast a crash of the machine.
pub(super) fn sync_folder_of(dir: &Dir, name: &FsPath) -> io::Result<()> {
    let parent = name
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    // Opened as a file: the handle of a `Dir` is for resolving names only.
    dir.open(parent.unwrap_or(FsPath::new(".")))?.sync_all()
}

/// An upload of several parts, each written at its place.
#[derive(Debug)]
pub(super) struct LocalUpload {
    /// None once it is completed or aborted.
    temporary: Option<Arc<Temporary>>,
    offset: u64,
}

impl LocalUpload {
    pub(super) fn new(temporary: Temporary) -> Self {
        Self {
            temporary: Some(Arc::new(temporary)),
            offset: 0,
        }
    }
}

fn over() -> Error {
    Error::Generic {
        store: "file",
        source: "upload is completed or aborted already".into(),
    }
}

#[async_trait]
impl MultipartUpload for LocalUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let offset = self.offset;
        self.offset += data.content_length() as u64;
        let temporary = self.temporary.clone();
        Box::pin(async move {
            let temporary = temporary.ok_or_else(over)?;
            let writes = Arc::clone(&temporary.folder.writes);
            let permit = writes.acquire_owned().await.map_err(|_| over())?;
            tokio::task::spawn_blocking(move || {
                let _permit = permit;
                temporary.write_at(&data, offset)
            })
            .await?
        })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let temporary = self.temporary.take().ok_or_else(over)?;
        let temporary = Arc::into_inner(temporary).ok_or_else(|| Error::Generic {
            store: "file",
            source: "upload is completed before its parts are written".into(),
        })?;
        tokio::task::spawn_blocking(move || temporary.publish()).await?
    }

    async fn abort(&mut self) -> Result<()> {
        let temporary = self.temporary.take().ok_or_else(over)?;
        // Not only dropped: a part that is still being written holds the file too, for longer than a process that fails
        // may last. What it writes from here on has no name.
        tokio::task::spawn_blocking(move || temporary.discard()).await?;
        Ok(())
    }
}
