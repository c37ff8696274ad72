//! Mail scanners come first: they fetch the link, run the page's script and send its form, ten times.
//! A person who comes after them still gets through, and none of them counts as one.

use crate::clinic::{ACCOUNT, Clinic, button, through_the_lightbox};
use relink_http::client::{HttpClient, Limits};
use relink_http::{HeaderMap, Method};
use relink_tests::{Browser, Screen, eventually};

const VISITS: usize = 10;

#[tokio::test]
async fn ten_scanners_and_then_a_person() {
    let clinic = Clinic::open().await;
    let link = clinic.breaks().await;
    let client = HttpClient::new(Limits::default()).unwrap();
    let scanner = Browser::start(Screen::Desktop).await;
    for visit in 1..=VISITS {
        for method in [Method::HEAD, Method::GET] {
            let nothing = bytes::Bytes::new();
            let answer = client.call(method, &link, HeaderMap::new(), nothing).await.unwrap();
            assert_eq!(answer.status.as_u16(), 200);
        }
        scanner.open(&link).await;
        let submit =
            "document.querySelector('section:not([hidden]) form[data-does=link]').requestSubmit()";
        scanner.run(submit, Vec::new()).await;
        eventually("the scanner's token", || async {
            (clinic.corner.cobalt.minted(ACCOUNT) == visit).then_some(())
        })
        .await;
    }
    let steps = clinic.steps().await;
    assert!(steps.iter().all(|(_, visitor)| visitor != "person"), "{steps:?}");
    assert!(steps.iter().all(|(step, _)| step != "opened" && step != "done"), "{steps:?}");
    assert!(clinic.case().await["closed_at"].is_null());

    let person = Browser::start(Screen::Phone).await;
    person.open(&link).await;
    person.press(&button("link")).await;
    through_the_lightbox(&person).await;
    person.read("All done").await;
    clinic.repaired().await;
    let steps = clinic.steps().await;
    let people = steps.iter().filter(|(step, visitor)| step == "minted" && visitor == "person");
    assert_eq!(people.count(), 1, "{steps:?}");
}
