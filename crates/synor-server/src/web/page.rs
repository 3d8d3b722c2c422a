//! What all pages share: the frame around them, how they are answered, and how an error looks.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::LazyLock;

use askama::Template;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use synor_economics::id::AccountId;
use synor_engine::EngineError;

use super::viewer::Viewer;
use crate::problem::Problem;

const STYLE: &str = include_str!("../../assets/style.css");
const SCRIPT: &str = include_str!("../../assets/live.js");

/// The address of a file that never changes: its content is in its name.
fn address(content: &str, ending: &str) -> String {
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    format!("/assets/{:016x}.{ending}", hasher.finish())
}

static STYLE_ADDRESS: LazyLock<String> = LazyLock::new(|| address(STYLE, "css"));
static SCRIPT_ADDRESS: LazyLock<String> = LazyLock::new(|| address(SCRIPT, "js"));

/// `GET /assets/{name}`
pub async fn asset(name: axum::extract::Path<String>) -> Response {
    let path = format!("/assets/{}", name.0);
    let (kind, content) = if path == *STYLE_ADDRESS {
        ("text/css; charset=utf-8", STYLE)
    } else if path == *SCRIPT_ADDRESS {
        ("text/javascript; charset=utf-8", SCRIPT)
    } else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let for_ever = "public, max-age=31536000, immutable";
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, for_ever)], content).into_response()
}

/// A place in the navigation.
#[derive(Debug, Clone)]
pub struct Place {
    /// Where it leads.
    pub href: String,
    /// What it is called.
    pub label: &'static str,
    /// Whether it is the page itself.
    pub is_here: bool,
}

const ACCOUNT_PAGES: [(&str, &str); 5] = [
    ("/overview", "Overview"),
    ("/usage", "Usage"),
    ("/invoices", "Invoices"),
    ("/credits", "Credits"),
    ("/calculator", "Calculator"),
];
/// The operator's pages, and whether they show the books.
const ADMIN_PAGES: [(&str, &str, bool); 6] = [
    ("/admin", "Today", false),
    ("/admin/accounts", "Accounts", false),
    ("/admin/invoices", "Invoices", true),
    ("/admin/prices", "Prices", false),
    ("/admin/close", "Close a month", true),
    ("/admin/journal", "Journal", true),
];

/// The frame around a page.
#[derive(Debug, Clone)]
pub struct Frame {
    /// What the page is called.
    pub title: String,
    /// Whose days its times are in; UTC if absent.
    pub zone: Option<String>,
    /// Its place in the navigation.
    here: &'static str,
    viewer: Option<Viewer>,
}

impl Frame {
    /// The frame of a page for whoever looks at it.
    pub fn new(title: impl Into<String>, here: &'static str, viewer: Option<&Viewer>) -> Self {
        Self {
            title: title.into(),
            zone: None,
            here,
            viewer: viewer.cloned(),
        }
    }

    /// The same, with times in this zone.
    pub fn in_zone(mut self, zone: &synor_economics::period::Zone) -> Self {
        self.zone = Some(zone.name().to_owned());
        self
    }

    /// Where the stylesheet is.
    pub fn style(&self) -> &str {
        &STYLE_ADDRESS
    }

    /// Where the script is.
    pub fn script(&self) -> &str {
        &SCRIPT_ADDRESS
    }

    /// Whether somebody is signed in.
    pub fn is_signed_in(&self) -> bool {
        self.viewer.is_some()
    }

    /// What a form that changes something carries.
    pub fn csrf(&self) -> &str {
        self.viewer.as_ref().map_or("", |viewer| &viewer.csrf)
    }

    /// Who is signed in, and whose pages these are.
    pub fn who(&self) -> String {
        let Some(viewer) = &self.viewer else {
            return String::new();
        };
        match (&viewer.account, viewer.is_staff) {
            (Some(account), true) => format!("{} · {account}", viewer.role),
            (Some(account), false) => account.to_string(),
            (None, _) => viewer.role.to_string(),
        }
    }

    fn account(&self) -> Option<&AccountId> {
        self.viewer.as_ref()?.account.as_ref()
    }

    /// A path of a page that is about the account: staff say in its query which one.
    pub fn path(&self, path: &str) -> String {
        let is_staff = self.viewer.as_ref().is_some_and(|viewer| viewer.is_staff);
        match self.account().filter(|_| is_staff) {
            None => path.to_owned(),
            Some(account) => {
                let mark = if path.contains('?') { '&' } else { '?' };
                format!("{path}{mark}account={account}")
            }
        }
    }

    /// The account that staff look at, for hidden fields of forms; empty for others.
    pub fn account_field(&self) -> String {
        let is_staff = self.viewer.as_ref().is_some_and(|viewer| viewer.is_staff);
        let account = self.account().filter(|_| is_staff);
        account.map(ToString::to_string).unwrap_or_default()
    }

    /// Whether it is about all accounts.
    pub fn is_for_all(&self) -> bool {
        self.viewer.is_some() && self.account().is_none()
    }

    /// The navigation.
    pub fn pages(&self) -> Vec<Place> {
        let is_staff = self.viewer.as_ref().is_some_and(|viewer| viewer.is_staff);
        let place = |(href, label): (&str, &'static str)| Place {
            is_here: self.here == href,
            href: self.path(href),
            label,
        };
        let mut places = Vec::new();
        if is_staff && self.account().is_none() {
            let sees_books = self.viewer.as_ref().is_some_and(Viewer::sees_books);
            let pages = ADMIN_PAGES.into_iter();
            let pages = pages.filter(|(_, _, of_books)| sees_books || !of_books);
            places.extend(pages.map(|(href, label, _)| place((href, label))));
            places.push(place(("/calculator", "Calculator")));
        } else {
            if is_staff {
                let back = Place {
                    href: "/admin".to_owned(),
                    label: "← Admin",
                    is_here: false,
                };
                places.push(back);
            }
            places.extend(ACCOUNT_PAGES.map(place));
        }
        places
    }
}

/// A page as it is answered. Nobody keeps it: it shows money.
pub fn page(template: &impl Template) -> Result<Response, Failure> {
    respond(StatusCode::OK, template)
}

fn respond(status: StatusCode, template: &impl Template) -> Result<Response, Failure> {
    let html = template.render().map_err(|error| {
        tracing::error!(%error, "a page cannot be rendered");
        Failure::from(Problem::internal())
    })?;
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CACHE_CONTROL, "no-store"),
    ];
    Ok((status, headers, html).into_response())
}

/// What went wrong, as a page.
#[derive(Debug)]
pub struct Failure(Box<Response>);

#[derive(Template)]
#[template(path = "failure.html")]
struct FailurePage {
    frame: Frame,
    detail: String,
    status: u16,
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        let status =
            StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let title = match status {
            StatusCode::NOT_FOUND => "Not found",
            StatusCode::FORBIDDEN => "Not for this key",
            StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => "That cannot be read",
            StatusCode::CONFLICT => "That cannot be done now",
            _ => "Something went wrong",
        };
        let shown = FailurePage {
            frame: Frame::new(title, "", None),
            detail: problem.detail.clone(),
            status: problem.status,
        };
        let response = respond(status, &shown).unwrap_or_else(|failure| *failure.0);
        Self(Box::new(response))
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        Problem::from(error).into()
    }
}

impl From<Response> for Failure {
    fn from(response: Response) -> Self {
        Self(Box::new(response))
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        *self.0
    }
}
