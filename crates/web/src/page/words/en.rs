//! English.

use super::{Language, Text};

pub(super) static ENGLISH: Language = Language {
    tag: "en",
    name: "English",
    languages: "Language",
    for_whom: "This page is for {whom}.",
    not_you: "Not you?",
    not_you_then: "Then leave it to the person it was sent to, and delete the message. Nothing has changed: without that person's own sign-in nothing happens here.",
    sign_in: "Sign in again",
    try_again: "Try again",
    open: "Open the sign-in",
    signed_in: "I have signed in",
    check_now: "Check now",
    refresh: "Refresh",
    send_new: "Send me a new link",
    fresh: Text {
        title: "Please sign in again",
        lines: &[
            "One of the accounts you connected to {instance} needs you to sign in again before it can be used.",
            "It takes a minute or two. Afterwards this page tells you whether it works.",
        ],
    },
    warned: Text {
        title: "Your password changes soon",
        lines: &[
            "One of the accounts you connected to {instance} still works, but its password has to be changed soon.",
            "Change it as you usually do. Then sign in here with the new one, so that nothing is interrupted.",
        ],
    },
    leaving: Text {
        title: "One more step",
        lines: &[
            "The sign-in opens in a new tab. It stays open for half an hour.",
            "Come back to this page when you are done.",
        ],
    },
    half_way: Text {
        title: "Not finished yet?",
        lines: &[
            "It looks as if the sign-in was closed before its end. Nothing is lost.",
            "You can try again whenever you like.",
        ],
    },
    returned: Text {
        title: "Welcome back",
        lines: &["One last step: we check that the account works."],
    },
    checking: Text {
        title: "Thank you, we are checking",
        lines: &[
            "We are asking whether the account works. This can take a few minutes.",
            "You may close this page. If something is still missing, you will hear from us.",
        ],
    },
    still_broken: Text {
        title: "Not quite yet",
        lines: &[
            "The account still asks for a sign-in.",
            "Please try once more, up to the last step.",
        ],
    },
    fixed: Text {
        title: "All done",
        lines: &[
            "This account is connected. There is nothing left to do.",
            "You may close this page.",
        ],
    },
    ended: Text {
        title: "This link has ended",
        lines: &[
            "Links stop working after a while, to keep your accounts safe.",
            "Press the button, and a new one goes to the address we have on file.",
        ],
    },
    sent: Text {
        title: "A new link is on its way",
        lines: &[
            "It goes to the address we have on file. That can take a few minutes.",
            "You may close this page.",
        ],
    },
    lost: Text {
        title: "Almost done",
        lines: &[
            "We cannot tell from here which account it was.",
            "Please open the link in your message once more: that page goes on from here.",
        ],
    },
    unknown: Text {
        title: "This link is no longer in use",
        lines: &[
            "It may be old, or not complete.",
            "Open {instance} as usual; it will tell you if an account needs you.",
        ],
    },
    unreachable: Text {
        title: "Not possible at the moment",
        lines: &[
            "The sign-in does not answer. Nothing is wrong on your side.",
            "Please try again in a few minutes. Your link keeps working.",
        ],
    },
    too_often: Text {
        title: "Please wait a little",
        lines: &[
            "This was tried very often in a short time.",
            "Please try again later. Your link keeps working.",
        ],
    },
    not_set_up: Text {
        title: "Not possible on this page yet",
        lines: &[
            "The sign-in has not been set up here.",
            "Open {instance} as usual; it will take you to the sign-in for that account.",
        ],
    },
    trouble: Text {
        title: "Please try again in a minute",
        lines: &[
            "This page cannot be shown just now.",
            "Load it again shortly, or open {instance} as usual.",
        ],
    },
    refused: Text {
        title: "Please start from your message",
        lines: &[
            "This page was asked for by another one, so nothing was done.",
            "Open the link in your message and go on from there.",
        ],
    },
};
