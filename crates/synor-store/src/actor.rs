//! Who acts: carried along with what is done for them, so that the book can say who changed what.

use serde::{Deserialize, Serialize};
use synor_economics::id::ApiKeyId;

use crate::api_key::Access;

tokio::task_local! {
    static ACTING: Actor;
}

/// By what someone showed who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    /// An API key.
    Key,
    /// A browser that was signed in with an API key.
    Session,
    /// The secret that lies in the data folder: the command line on the same machine.
    Local,
}

/// Someone who changes something. What the platform does by itself has no actor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// By what they showed who they are.
    pub kind: ActorKind,
    /// With which key.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub key_id: Option<ApiKeyId>,
    /// What they may do.
    #[serde(flatten)]
    pub access: Access,
    /// From which network address.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub address: Option<String>,
    /// What they asked for: method and path of the route.
    pub operation: String,
}

impl Actor {
    /// Who acts in this task, if it is someone.
    pub fn current() -> Option<Self> {
        ACTING.try_with(Clone::clone).ok()
    }

    /// Does something for this actor: every change set that is begun in it names them.
    pub async fn acting<F: Future>(self, work: F) -> F::Output {
        ACTING.scope(self, work).await
    }
}
