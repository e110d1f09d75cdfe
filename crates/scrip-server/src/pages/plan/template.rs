//! What a plan may be begun with.

use serde::{Deserialize, Serialize};

/// What a plan sells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Sells {
    /// A number of requests, by credits.
    #[default]
    Requests,
    /// As many as one likes, for a time.
    Time,
}

/// A template: what the form of a plan is filled in with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Template {
    /// As it stands in paths.
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    pub(super) is_free: bool,
    /// Whether each may order it once.
    pub(super) is_trial: bool,
    /// The credits, or how many units of time.
    pub(super) amount: &'static str,
    pub(super) unit: Unit,
}

/// A unit of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Unit {
    Hours,
    Days,
    Weeks,
    #[default]
    Months,
    Years,
}

impl Sells {
    pub(super) const BOTH: [Self; 2] = [Self::Requests, Self::Time];

    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Requests => "Request based",
            Self::Time => "Time based",
        }
    }

    /// As it stands in paths.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Time => "time",
        }
    }

    pub(super) const fn says(self) -> &'static str {
        match self {
            Self::Requests => "Whoever buys it gets credits, which requests use up.",
            Self::Time => "Whoever buys it asks as often as it likes until the time is over.",
        }
    }

    pub(super) const fn templates(self) -> &'static [Template] {
        const fn plan(name: &'static str, label: &'static str, amount: &'static str, unit: Unit) -> Template {
            Template { name, label, is_free: false, is_trial: false, amount, unit }
        }
        const REQUESTS: [Template; 3] = [
            Template { is_free: true, ..plan("free", "Free", "10", Unit::Months) },
            Template { is_free: true, is_trial: true, ..plan("trial", "Trial", "10", Unit::Months) },
            plan("custom", "Custom", "100", Unit::Months),
        ];
        const TIME: [Template; 7] = [
            Template { is_free: true, is_trial: true, ..plan("trial", "Trial", "1", Unit::Days) },
            plan("hour", "1 hour", "1", Unit::Hours),
            plan("day", "1 day", "1", Unit::Days),
            plan("week", "1 week", "1", Unit::Weeks),
            plan("month", "1 month", "1", Unit::Months),
            plan("year", "1 year", "1", Unit::Years),
            plan("custom", "Custom", "3", Unit::Months),
        ];
        match self {
            Self::Requests => &REQUESTS,
            Self::Time => &TIME,
        }
    }
}

impl Unit {
    pub(super) const ALL: [Self; 5] = [Self::Hours, Self::Days, Self::Weeks, Self::Months, Self::Years];

    /// As it stands in forms.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Hours => "hours",
            Self::Days => "days",
            Self::Weeks => "weeks",
            Self::Months => "months",
            Self::Years => "years",
        }
    }

    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Hours => "Hours",
            Self::Days => "Days",
            Self::Weeks => "Weeks",
            Self::Months => "Months, of 30 days",
            Self::Years => "Years, of 365 days",
        }
    }

    pub(super) const fn seconds(self) -> u64 {
        match self {
            Self::Hours => 3_600,
            Self::Days => 86_400,
            Self::Weeks => 7 * 86_400,
            Self::Months => 30 * 86_400,
            Self::Years => 365 * 86_400,
        }
    }
}
