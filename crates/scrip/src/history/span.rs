//! How many blocks a node is asked for at once.

/// The number of blocks of a call, which finds by trial what the node does not refuse.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    /// What is asked for next.
    blocks: u64,
    /// The most that is asked for.
    most: u64,
    /// The most that was answered since the last refusal.
    answered: u64,
    /// The least that was refused.
    refused: Option<u64>,
    /// How many calls were answered since.
    streak: u32,
}

impl Span {
    /// After so many answers in a row, more is tried again: what a node refuses may be a number of logs and not of blocks.
    const FORGIVING: u32 = 64;

    pub(crate) const fn new(most: u64) -> Self {
        Self { blocks: most, most, answered: 0, refused: None, streak: 0 }
    }

    pub(crate) const fn blocks(&self) -> u64 {
        self.blocks
    }

    /// So many blocks were answered for. Fewer than asked for, at the end of the chain, say nothing.
    pub(crate) fn answered(&mut self, blocks: u64) {
        if blocks < self.blocks {
            return;
        }
        self.answered = blocks;
        self.streak += 1;
        if self.streak >= Self::FORGIVING {
            (self.refused, self.streak) = (None, 0);
        }
        self.blocks = match self.refused {
            None => blocks.saturating_mul(2).min(self.most),
            // Near enough.
            Some(refused) if refused.saturating_sub(blocks) <= blocks / 8 + 1 => blocks,
            Some(refused) => blocks + (refused - blocks) / 2,
        };
    }

    /// So many blocks were refused. Whether there is less to ask for.
    pub(crate) fn refused(&mut self, blocks: u64) -> bool {
        if blocks <= self.answered {
            self.answered = 0;
        }
        (self.refused, self.streak) = (Some(blocks), 0);
        self.blocks = (self.answered + (blocks - self.answered) / 2).max(1);
        blocks > 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many calls of a limited node are refused until so many blocks are read, and how many answered.
    fn read(most: u64, limit: u64, mut blocks: u64) -> (u32, u32) {
        let (mut span, mut refused, mut answered) = (Span::new(most), 0, 0);
        while blocks > 0 {
            let asked = span.blocks().min(blocks);
            if asked > limit {
                assert!(span.refused(asked), "nothing smaller is left");
                refused += 1;
            } else {
                span.answered(asked);
                blocks -= asked;
                answered += 1;
            }
        }
        (refused, answered)
    }

    #[test]
    fn a_limit_is_found_in_few_calls() {
        assert_eq!(read(10_000, 10_000, 1_000_000), (0, 100), "no limit");
        for limit in [1, 2, 5, 100, 500, 999, 2_000, 9_999] {
            let (refused, answered) = read(10_000, limit, limit * 100);
            assert!(refused <= 20, "{refused} refused at a limit of {limit}");
            assert!((100..=130).contains(&answered), "{answered} answered at a limit of {limit}");
        }
    }

    #[test]
    fn what_a_node_refuses_for_once_is_tried_again() {
        let mut span = Span::new(1_000);
        while span.blocks() > 10 {
            assert!(span.refused(span.blocks()));
        }
        for _ in 0..100 {
            span.answered(span.blocks());
        }
        assert_eq!(span.blocks(), 1_000);
        assert!(!Span::new(1).refused(1), "one block is the least");
    }
}
