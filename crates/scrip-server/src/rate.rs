//! How often is asked: each API key, and each address that asks without one, so many times a second.

use std::{
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::Arc,
    time::Duration,
};

use alloy::primitives::B256;
use axum::{
    extract::{Request, State as Shared},
    http::header,
    middleware::Next,
    response::Response,
};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter, clock::Clock};

use crate::{
    auth::bearer,
    listen::Peer,
    problem::{Problem, ProblemKind},
    state::State,
};

/// For how many seconds' worth of requests may come at once.
const BURST: u32 = 10;
/// After how many of those that are counted, those who are at rest are forgotten.
const MANY: usize = 10_000;

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Who {
    /// By a key that was signed here, or an access token.
    Key(B256),
    /// Without one.
    Address(Option<IpAddr>),
}

impl Who {
    /// Who asks without a key.
    pub(crate) fn at(peer: Option<&Peer>) -> Self {
        Self::Address(peer.map(|peer| owner(peer.0)))
    }
}

/// Whose an address is: of IPv6 everybody has as many as there are in a network of 64 bits.
fn owner(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        address => address,
    }
}

/// Counts who asks.
#[derive(Debug)]
pub(crate) struct Rate(Option<DefaultKeyedRateLimiter<Who>>);

impl Rate {
    /// So many requests a second; as many as come without a number.
    pub(crate) fn new(per_second: Option<NonZeroU32>) -> Self {
        Self(per_second.map(|per_second| {
            let burst = per_second.saturating_mul(NonZeroU32::MIN.saturating_add(BURST - 1));
            RateLimiter::keyed(Quota::per_second(per_second).allow_burst(burst))
        }))
    }

    /// Makes sure that it is not asked too often.
    pub(crate) fn check(&self, who: Who) -> Result<(), Problem> {
        let Some(wait) = self.wait(who) else { return Ok(()) };
        let seconds = wait.as_secs() + 1;
        Err(ProblemKind::TOO_OFTEN
            .problem("this is asked too often")
            .hint(format!("ask again in {seconds} seconds, and less often")))
    }

    /// How long until the next may come, if it is too early.
    fn wait(&self, who: Who) -> Option<Duration> {
        let rate = self.0.as_ref()?;
        if rate.len() > MANY {
            rate.retain_recent();
        }
        let early = rate.check_key(&who).err()?;
        Some(early.wait_time_from(rate.clock().now()))
    }
}

/// Lets through who does not ask too often.
pub(crate) async fn limit(
    Shared(state): Shared<Arc<State>>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let header = request.headers().get(header::AUTHORIZATION);
    let key = header.and_then(bearer).and_then(|key| state.keys.read(key));
    let who = match key {
        Some(claims) => Who::Key(claims.jti),
        None => Who::at(request.extensions().get::<Peer>()),
    };
    state.rate.check(who)?;
    Ok(next.run(request).await)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_many_addresses_is_one() {
        let owner = |address: &str| owner(address.parse().unwrap()).to_string();
        assert_eq!(owner("2001:db8:1:2:3:4:5:6"), owner("2001:db8:1:2::"));
        assert_ne!(owner("2001:db8:1:2::1"), owner("2001:db8:1:3::1"));
        assert_eq!(
            (owner("192.0.2.7"), owner("::ffff:192.0.2.7")),
            (owner("::ffff:192.0.2.7"), "192.0.2.7".to_owned())
        );
        assert_ne!(owner("192.0.2.7"), owner("192.0.2.8"));
    }

    #[test]
    fn each_may_ask_for_ten_seconds_at_once() {
        let rate = Rate::new(NonZeroU32::new(2));
        let (one, other) = (Who::Key(B256::ZERO), Who::Address(None));
        for _ in 0..20 {
            assert_eq!(rate.wait(one), None);
        }
        let wait = rate.wait(one).unwrap();
        assert!(wait > Duration::ZERO && wait <= Duration::from_millis(500), "{wait:?}");
        assert_eq!(rate.wait(other), None, "another is not held up");
        assert_eq!(Rate::new(None).wait(one), None);
    }
}
