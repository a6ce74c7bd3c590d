//! How we hear of objects: watches that heal themselves; one object that cannot be read stops nothing.

use std::{fmt::Debug, future::Future, pin::pin};

use futures::{Stream, TryStreamExt as _};
use kube::{
    Api, Resource, ResourceExt as _,
    core::PartialObjectMeta,
    runtime::{
        WatchStreamExt as _,
        watcher::{self, Event},
    },
};
use sallyport_process::{guarded::Guarded, shutdown::Stop, tasks::TaskResult};
use serde::de::DeserializeOwned;

use super::shelf::{Change, Place};

/// So many objects are listed at once: more would only take memory.
const PAGE: u32 = 100;

/// Watches all objects of a kind until the stop is asked. `read` keeps of an object what matters, or
/// nothing; `take` gets every change.
pub fn objects<K, V>(
    api: Api<Guarded<K>>,
    config: watcher::Config,
    stop: Stop,
    read: fn(&K) -> Option<V>,
    take: impl Fn(Change<V>) + Send + 'static,
) -> impl Future<Output = TaskResult> + Send
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
    V: Send + 'static,
{
    let stream = watcher::watcher(api, config.page_size(PAGE)).default_backoff();
    let read = move |guard: &Guarded<K>| match &guard.0 {
        Ok(object) => read(object),
        Err(invalid) => {
            let kind = K::kind(&()).to_string();
            tracing::warn!(kind, object = ?place(guard), error = %invalid, "an object cannot be read and is left out");
            None
        }
    };
    follow(K::kind(&()).to_string(), stream, stop, read, take)
}

/// Watches the metadata of all objects of a kind; nothing else is asked for.
pub fn metadata<K, V>(
    api: Api<PartialObjectMeta<K>>,
    stop: Stop,
    read: fn(&PartialObjectMeta<K>) -> V,
    take: impl Fn(Change<V>) + Send + 'static,
) -> impl Future<Output = TaskResult> + Send
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
    V: Send + 'static,
{
    let config = watcher::Config::default().page_size(PAGE);
    let stream = watcher::watcher(api, config).default_backoff();
    follow(K::kind(&()).to_string(), stream, stop, move |object| Some(read(object)), take)
}

async fn follow<K, V>(
    kind: String,
    stream: impl Stream<Item = Result<Event<K>, watcher::Error>> + Send,
    stop: Stop,
    read: impl Fn(&K) -> Option<V> + Send,
    take: impl Fn(Change<V>) + Send,
) -> TaskResult
where
    K: Resource<DynamicType = ()> + Send,
{
    let mut stream = pin!(stream);
    loop {
        let event = tokio::select! {
            () = stop.wait() => return Ok(()),
            event = stream.try_next() => event,
        };
        match event {
            Ok(Some(event)) => {
                if let Some(change) = change(event, &read) {
                    take(change);
                }
            }
            Ok(None) => return Ok(()),
            Err(error) => {
                let error = sallyport_process::report::chain(&error);
                tracing::warn!(kind, error, "a watch was interrupted and begins anew");
            }
        }
    }
}

fn change<K: Resource<DynamicType = ()>, V>(
    event: Event<K>,
    read: &impl Fn(&K) -> Option<V>,
) -> Option<Change<V>> {
    match event {
        Event::Init => Some(Change::ListBegins),
        Event::InitApply(object) => Some(Change::Listed(place(&object), read(&object)?)),
        Event::InitDone => Some(Change::ListEnds),
        // What can no longer be read stays as it was when it could.
        Event::Apply(object) => Some(Change::Put(place(&object), read(&object)?)),
        Event::Delete(object) => Some(Change::Gone(place(&object))),
    }
}

fn place<K: Resource>(object: &K) -> Place {
    (object.namespace().unwrap_or_default(), object.name_any())
}
