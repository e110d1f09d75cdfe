//! Which events are wanted, and how a node is asked for them.

use std::collections::BTreeSet;

use alloy::{
    primitives::{Address, B256},
    rpc::types::Filter,
};

use super::kind::{HolderAt, Kind};
use crate::{Event, PlanId};

/// Which events are wanted; an empty set means all.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    pub(crate) plans: BTreeSet<PlanId>,
    pub(crate) holders: BTreeSet<Address>,
    pub(crate) kinds: BTreeSet<Kind>,
}

/// What the topics 1 to 3 may be; none where anything may stand.
type Topics = [Option<Vec<B256>>; 3];

impl Wanted {
    pub(crate) fn is_wanted(&self, event: &Event) -> bool {
        (self.kinds.is_empty() || self.kinds.contains(&event.kind()))
            && (self.plans.is_empty() || event.plan().is_some_and(|plan| self.plans.contains(&plan)))
            && (self.holders.is_empty() || self.holders.iter().any(|holder| event.is_of_holder(*holder)))
    }

    /// One filter for all that is wanted of a single block; it lets more through.
    pub(crate) fn broad(&self, contract: Address) -> Filter {
        let kinds: Vec<_> = self.kinds().collect();
        with_kinds(Filter::new().address(contract), &kinds)
    }

    /// Filters that ask a node for no more than is needed. Together they find all that is wanted, each log once.
    pub(crate) fn narrow(&self, contract: Address) -> Vec<Filter> {
        let mut groups: Vec<(Topics, Vec<Kind>)> = Vec::new();
        for kind in self.kinds() {
            let topics = self.topics(kind);
            match groups.iter_mut().find(|group| group.0 == topics) {
                Some(group) => group.1.push(kind),
                None => groups.push((topics, vec![kind])),
            }
        }
        let filter = |([first, second, third], kinds): (Topics, Vec<Kind>)| {
            let mut filter = with_kinds(Filter::new().address(contract), &kinds);
            if let Some(topics) = first {
                filter = filter.topic1(topics);
            }
            if let Some(topics) = second {
                filter = filter.topic2(topics);
            }
            if let Some(topics) = third {
                filter = filter.topic3(topics);
            }
            filter
        };
        groups.into_iter().map(filter).collect()
    }

    /// The kinds that can be wanted at all.
    fn kinds(&self) -> impl Iterator<Item = Kind> {
        Kind::ALL.into_iter().filter(|kind| {
            (self.kinds.is_empty() || self.kinds.contains(kind))
                && (self.plans.is_empty() || kind.has_plan())
                && (self.holders.is_empty() || kind.holder_at() != HolderAt::Nowhere)
        })
    }

    fn topics(&self, kind: Kind) -> Topics {
        let mut topics = Topics::default();
        if !self.plans.is_empty() && kind.plan_is_topic() {
            topics[0] = Some(self.plans.iter().map(|plan| plan.0.into()).collect());
        }
        if !self.holders.is_empty() {
            let holders = || self.holders.iter().map(|holder| holder.into_word());
            match kind.holder_at() {
                HolderAt::Topic(place) => topics[place - 1] = Some(holders().collect()),
                HolderAt::EitherEnd => {
                    let ends: Vec<_> = holders().chain([B256::ZERO]).collect();
                    (topics[1], topics[2]) = (Some(ends.clone()), Some(ends));
                }
                HolderAt::Nowhere | HolderAt::Data => {}
            }
        }
        topics
    }
}

fn with_kinds(filter: Filter, kinds: &[Kind]) -> Filter {
    if kinds.len() == Kind::ALL.len() {
        return filter;
    }
    filter.event_signature(kinds.iter().flat_map(|kind| kind.signatures().to_vec()).collect::<Vec<_>>())
}
