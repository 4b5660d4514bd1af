//! A store as one process sees it, whatever it has: calls that come to what was planned.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use store::Error;

use super::trouble::{Control, Trouble};

/// A write as a value, so that it can be made in part, later, or twice.
#[async_trait]
pub trait Write: Clone + Send {
    /// Tells calls apart.
    type Call: Copy + PartialEq + Send;
    /// What it is made in.
    type Store: ?Sized + Send + Sync;

    /// Which call it is.
    fn call(&self) -> Self::Call;

    /// Makes it.
    async fn land(self, store: &Self::Store) -> Result<(), Error>;

    /// Half of it, of what can be halved.
    fn half(self) -> Option<Self>;
}

/// What is on its way for long. Shared by all processes of a case.
pub type Late<W> = Arc<Mutex<Vec<W>>>;

/// See the [module](self).
pub struct Flaky<W: Write> {
    /// Where calls are made.
    pub store: Arc<W::Store>,
    /// Where writes wait that are late.
    pub late: Late<W>,
    /// What calls come to.
    pub control: Arc<Control<W::Call>>,
}

impl<W: Write> Flaky<W> {
    /// The store for another process, in no trouble.
    pub fn new(store: Arc<W::Store>, late: Late<W>) -> Self {
        Self {
            store,
            late,
            control: Arc::default(),
        }
    }

    /// Makes a write, or what becomes of it.
    pub async fn write(&self, write: W) -> Result<(), Error> {
        let store = &*self.store;
        let Some(trouble) = self.control.call(write.call()).await else {
            return write.land(store).await;
        };
        match trouble {
            Trouble::Lost | Trouble::Asleep => {}
            Trouble::Half => {
                if let Some(half) = write.half() {
                    half.land(store).await?;
                }
            }
            Trouble::Unheard => write.land(store).await?,
            Trouble::Late => self.late.lock().unwrap().push(write),
            Trouble::Twice => {
                self.late.lock().unwrap().push(write.clone());
                write.land(store).await?;
            }
            Trouble::AsleepAfter => {
                write.land(store).await?;
                self.control.sleep().await;
                return Ok(());
            }
        }
        Err(unavailable())
    }

    /// The store to read from, unless the read is in trouble.
    pub async fn read(&self, call: W::Call) -> Result<&W::Store, Error> {
        match self.control.call(call).await {
            None => Ok(&*self.store),
            Some(Trouble::AsleepAfter) => {
                self.control.sleep().await;
                Ok(&*self.store)
            }
            Some(_) => Err(unavailable()),
        }
    }
}

fn unavailable() -> Error {
    let reason = "the case said so".to_owned();
    Error::Unavailable { reason }
}
