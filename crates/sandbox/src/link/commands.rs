//! What tests and the demo tell the pretend Link, and ask of it.

use super::visit::{Given, Screen};
use super::{LinkBehaviour, Minting};
use crate::cobalt::PretendCobalt;

impl PretendCobalt {
    /// Where Link is hosted: `{link_url}?token=…` opens it in a window of its own.
    pub fn link_url(&self) -> String {
        format!("http://{}", self.link_address)
    }

    /// What `[cobalt] link_script_url` is set to.
    pub fn link_script_url(&self) -> String {
        format!("{}/init.js", self.link_url())
    }

    /// Where a person is sent from a window of Link's own, with `?token=` and the public token.
    /// The real one has a single such address for each client too.
    pub fn call_back_to(&self, url: &str) {
        self.links.lock().call_back = Some(url.to_owned());
    }

    /// How link tokens are made from now on.
    pub fn mint_as(&self, minting: Minting) {
        self.links.lock().minting = minting;
    }

    /// How Link goes for tokens made from now on, where [`Self::link_behaves_for`] says nothing.
    /// For the next ones alone there is [`PretendCobalt::link`].
    pub fn link_behaves(&self, behaviour: LinkBehaviour) {
        self.links.lock().for_all = behaviour;
    }

    /// How Link goes for tokens of this account made from now on.
    pub fn link_behaves_for(&self, account_ref: &str, behaviour: LinkBehaviour) {
        self.links.lock().for_one.insert(account_ref.to_owned(), behaviour);
    }

    /// How many link tokens were made for an account so far.
    pub fn minted(&self, account_ref: &str) -> usize {
        self.links.lock().minted.get(account_ref).copied().unwrap_or_default()
    }

    /// A person opens Link with this token and does all that it asks. The public token; `None`
    /// when there is no way through, which uses the token up all the same.
    pub fn complete_link(&self, link_token: &str) -> Option<String> {
        let mut screen = self.links.open(link_token);
        // User name and password, a code, and one more after a failure: nothing asks for more.
        for _ in 0..4 {
            screen = match screen {
                Screen::Login { visit, .. } => {
                    let (user_name, password) = ("anybody".to_owned(), "anything".to_owned());
                    let given = Given { user_name, password, code: String::new() };
                    self.links.submit(&visit, &given)
                }
                Screen::Code { visit, code, .. } => {
                    self.links.submit(&visit, &Given { code, ..Given::default() })
                }
                Screen::Done { public_token, repairs } => {
                    if let Some(account_ref) = repairs {
                        self.repair_login(&account_ref);
                    }
                    return Some(public_token);
                }
                Screen::Over(_) => return None,
            };
        }
        None
    }
}
