//! Everything a person can meet behind a link, looked at on a phone and on a desktop: nothing that
//! keeps people from using it, by axe-core, and a picture of each.
//!
//! The pictures go where RELINK_TEST_PICTURES names a folder (`docs/pages` has those of the last
//! time), and else nowhere that lasts.

use crate::clinic::{ACCOUNT, Clinic, SCREENS, button, enter_the_code, through_the_lightbox};
use relink_http::client::{HttpClient, Limits};
use relink_http::{HeaderMap, Method, header};
use relink_sandbox::{ApiFault, LinkBehaviour};
use relink_tests::{Browser, Finding, Screen, accessibility, eventually, loaded};
use std::path::PathBuf;

/// What a page may weigh before Link, in bytes.
const MOST_BYTES: u64 = 30_000;

/// A browser that keeps what it saw.
struct Album {
    browser: Browser,
    screen: Screen,
    folder: PathBuf,
    _unless_named: tempfile::TempDir,
}

impl Album {
    async fn of(screen: Screen) -> Self {
        let unless_named = tempfile::tempdir().unwrap();
        let named = std::env::var_os("RELINK_TEST_PICTURES").map(PathBuf::from);
        // Tests run in the folder of their package, people name folders from the top.
        let folder = named.map(|path| match path.is_absolute() {
            true => path,
            false => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(path),
        });
        let folder = folder.unwrap_or_else(|| unless_named.path().to_owned());
        Self { browser: Browser::start(screen).await, screen, folder, _unless_named: unless_named }
    }

    /// Waits for the words, looks, and takes the picture.
    async fn shows(&self, name: &str, words: &str) {
        self.browser.read(words).await;
        let found = accessibility(&self.browser).await;
        assert_eq!(found, Vec::<Finding>::new(), "{name} on a {}", self.screen.name());
        let overflow = "return document.documentElement.scrollWidth - window.innerWidth";
        let overflow = self.browser.run(overflow, Vec::new()).await;
        assert!(overflow.as_i64().unwrap() <= 0, "{name} scrolls sideways by {overflow}");
        self.browser.picture(&self.folder.join(format!("{name}-{}.png", self.screen.name()))).await;
    }

    async fn press_sign_in(&self) {
        self.browser.press(&button("link")).await;
    }
}

async fn without_a_case(clinic: &Clinic, album: &Album) {
    let relink = format!("http://{}", clinic.corner.web);
    album.browser.open(&format!("{relink}/r/{}", "A".repeat(43))).await;
    album.shows("unknown", "This link is no longer in use").await;
    album.browser.open(&format!("{relink}/r/back?token=pt_0")).await;
    album.shows("lost", "Almost done").await;
}

/// From the first look to the proof, by every detour there is.
async fn the_long_way(clinic: &Clinic, album: &Album) {
    let cobalt = &clinic.corner.cobalt;
    let link = clinic.breaks().await;
    album.browser.open(&link).await;
    album.shows("fresh", "Please sign in again").await;
    let load = loaded(&album.browser).await;
    eprintln!("the page on a {}: {load:?}", album.screen.name());
    assert!(load.bytes < MOST_BYTES, "{load:?}");
    assert_eq!(load.elsewhere, 0, "{load:?}");
    album.browser.open(&format!("{link}?lang=es")).await;
    album.browser.see("html[lang=es] h1").await;
    let found = accessibility(&album.browser).await;
    assert_eq!(found, Vec::<Finding>::new(), "in Spanish");
    album
        .browser
        .picture(&album.folder.join(format!("fresh-es-{}.png", album.screen.name())))
        .await;

    album.browser.open(&link).await;
    album.press_sign_in().await;
    album.browser.press("dialog button[aria-label=Close]").await;
    album.shows("half-way", "Not finished yet?").await;

    cobalt.api.push(ApiFault::Status(500));
    album.press_sign_in().await;
    album.shows("unreachable", "Not possible at the moment").await;

    cobalt.link_behaves(LinkBehaviour::CompletesWithoutRepair);
    album.press_sign_in().await;
    through_the_lightbox(&album.browser).await;
    album.shows("still-broken", "Not quite yet").await;

    cobalt.link_behaves(LinkBehaviour::OtpOnly);
    album.press_sign_in().await;
    album.browser.enter_frame("dialog iframe").await;
    // Whoever says "done" is asked for at Cobalt, which does not answer just then. Twice, since a
    // worker may ask again at this moment for the "done" of before.
    for _ in 0..2 {
        cobalt.api.push(ApiFault::Status(503));
    }
    enter_the_code(&album.browser).await;
    album.browser.leave_frame().await;
    album.shows("checking", "we are checking").await;
    album.shows("fixed", "All done").await;
    clinic.repaired().await;
}

/// A link whose case an operator has ended, though the account still needs its user.
async fn after_the_end(clinic: &Clinic, album: &Album) {
    let link = clinic.breaks().await;
    let close = format!("/v1/cases/{}/close", clinic.case_id().await);
    let (status, closed) = clinic.call(Method::POST, &close).await;
    assert!((200..300).contains(&status), "{status} {closed}");
    album.browser.open(&link).await;
    album.shows("ended", "This link has ended").await;
    let before = clinic.corner.inbox.all().len();
    album.browser.press(&button("renew")).await;
    album.shows("sent", "A new link is on its way").await;
    let caught = clinic.corner.inbox.wait_for(before + 1).await;
    let renewed = caught.last().unwrap();
    let renewed = renewed.link().unwrap_or_else(|| panic!("no link in {renewed:?}")).to_owned();
    assert_ne!(renewed, link);

    clinic.corner.cobalt.link_behaves(LinkBehaviour::ScriptUnavailable);
    album.browser.open(&renewed).await;
    album.press_sign_in().await;
    album.shows("leaving", "One more step").await;
    clinic.corner.cobalt.link_behaves(LinkBehaviour::OtpOnly);

    use_up(&renewed).await;
    album.browser.open(&renewed).await;
    album.press_sign_in().await;
    album.shows("too-often", "Please wait a little").await;
}

/// Makes tokens until the limit is reached.
async fn use_up(link: &str) {
    let client = HttpClient::new(Limits::default()).unwrap();
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT, "application/json".parse().unwrap());
    headers.insert("sec-fetch-site", "same-origin".parse().unwrap());
    let url = format!("{link}/link");
    eventually("the limit of tokens", || async {
        let asked = client.call(Method::POST, &url, headers.clone(), bytes::Bytes::new()).await;
        (asked.ok()?.status.as_u16() == 429).then_some(())
    })
    .await;
}

async fn a_warning(clinic: &Clinic, album: &Album) {
    clinic.corner.cobalt.repair_login(ACCOUNT);
    let path = format!("/v1/accounts/{ACCOUNT}/relinked");
    clinic.call(Method::POST, &path).await;
    let before = clinic.corner.inbox.all().len();
    let kind = "access_token.password_change_warning";
    assert_eq!(clinic.corner.cobalt.post_event(ACCOUNT, kind).await.status, Some(202));
    let caught = clinic.corner.inbox.wait_for(before + 1).await;
    album.browser.open(caught.last().unwrap().link().unwrap()).await;
    album.shows("warned", "Your password changes soon").await;
}

async fn every_state(screen: Screen) {
    let clinic = Clinic::open().await;
    let album = Album::of(screen).await;
    without_a_case(&clinic, &album).await;
    the_long_way(&clinic, &album).await;
    after_the_end(&clinic, &album).await;
    a_warning(&clinic, &album).await;
    assert_eq!(clinic.process.stop(), Some(0));
}

#[tokio::test]
async fn every_state_on_a_phone() {
    every_state(Screen::Phone).await;
}

#[tokio::test]
async fn every_state_on_a_desktop() {
    every_state(Screen::Desktop).await;
}

#[tokio::test]
async fn a_page_without_credentials_says_what_to_do() {
    let clinic = Clinic::open_with(|corner| {
        corner.reconfigure("client_id = { env = \"TEST_CLIENT_ID\" }\n", "");
        corner.reconfigure("client_secret = { env = \"TEST_CLIENT_SECRET\" }\n", "");
    })
    .await;
    let link = clinic.breaks().await;
    for screen in SCREENS {
        let album = Album::of(screen).await;
        album.browser.open(&link).await;
        album.shows("not-set-up", "Not possible on this page yet").await;
    }
}

#[tokio::test]
async fn the_banner_is_accessible() {
    let clinic = Clinic::open().await;
    clinic.breaks().await;
    for screen in SCREENS {
        let album = Album::of(screen).await;
        clinic.app_in(&album.browser).await;
        let seen = "const b = document.querySelector('relink-banner').shadowRoot.querySelector('.box');\
                    return b && !b.hidden";
        album.browser.wait_for("the banner", seen).await;
        album.shows("banner", "Patients").await;
    }
}
