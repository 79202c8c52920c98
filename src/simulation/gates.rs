//! Who serves: the structure of a model as counting gates, kept up to date change by change.
//!
//! A gate is true while at least `need` of its inputs are; its inputs are nodes (a pool), other gates (a service needs
//! another), or a flag that a process sets (a promoted primary). So and, or, k-of-n and "4 of these 6 nodes" are one
//! thing, and a fault costs one decrement unless a threshold is crossed. The graph has no circles. What the world must
//! react to is collected in [`Gates::touched`] and read when all gates have settled.

/// Index of a gate.
pub type GateId = u32;

/// What hears of a gate's change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// Another gate, of which this one is an input.
    Gate(GateId),
    /// A subject whose level is this gate.
    Subject(u32),
    /// Place number `place` of failover process `process`.
    Place {
        /// The process.
        process: u32,
        /// The place in its order.
        place: u32,
    },
    /// The routing's view of a region.
    Region(u32),
    /// Whoever looks at the nodes of this pool, where they can ail.
    Watchers(u32),
    /// The way of the demand.
    Load,
}

/// The fixed part: thresholds and who hears of whom.
#[derive(Clone, Debug, Default)]
pub struct Wiring {
    need: Vec<u32>,
    edges: Vec<Vec<Edge>>,
    flat: Vec<Edge>,
    first: Vec<u32>,
}

impl Wiring {
    /// A gate that is true while at least `need` inputs are.
    pub fn gate(&mut self, need: u32) -> GateId {
        self.need.push(need);
        self.edges.push(Vec::new());
        (self.need.len() - 1) as GateId
    }

    /// A gate that is true while at least `need` of `inputs` are.
    pub fn at_least(&mut self, need: u32, inputs: &[GateId]) -> GateId {
        let gate = self.gate(need);
        for &input in inputs {
            self.connect(input, Edge::Gate(gate));
        }
        gate
    }

    /// True while all `inputs` are; one input is its own conjunction.
    pub fn all(&mut self, inputs: &[GateId]) -> GateId {
        match inputs {
            [only] => *only,
            _ => self.at_least(inputs.len() as u32, inputs),
        }
    }

    /// Let `edge` hear of `from`.
    pub fn connect(&mut self, from: GateId, edge: Edge) {
        self.edges[from as usize].push(edge);
    }

    /// Lay the edges out side by side; call once, after the last `connect`.
    pub fn finish(&mut self) {
        for edges in std::mem::take(&mut self.edges) {
            self.first.push(self.flat.len() as u32);
            self.flat.extend(edges);
        }
        self.first.push(self.flat.len() as u32);
    }

    fn heard_by(&self, gate: GateId) -> std::ops::Range<usize> {
        self.first[gate as usize] as usize..self.first[gate as usize + 1] as usize
    }
}

#[derive(Clone, Copy, Debug)]
struct Gate {
    good: u32,
    need: u32,
}

/// The state of all gates.
#[derive(Clone, Debug, Default)]
pub struct Gates {
    state: Vec<Gate>,
    /// Edges other than gates that have changed since they were last taken; may name one twice.
    pub touched: Vec<Edge>,
    pending: Vec<(GateId, bool)>,
}

impl Gates {
    /// All inputs false.
    pub fn new(wiring: &Wiring) -> Self {
        let mut gates = Gates::default();
        gates.reset(wiring);
        gates
    }

    /// All inputs false again; gates that need nothing are true and have been heard of.
    pub fn reset(&mut self, wiring: &Wiring) {
        self.state.clear();
        self.state.extend(wiring.need.iter().map(|&need| Gate { good: 0, need }));
        for gate in 0..wiring.need.len() {
            if wiring.need[gate] == 0 {
                self.flip(wiring, gate as GateId, true);
            }
        }
        self.touched.clear();
    }

    /// Is the gate true?
    #[inline]
    pub fn holds(&self, gate: GateId) -> bool {
        let gate = self.state[gate as usize];
        gate.good >= gate.need
    }

    /// How many of its inputs must be true.
    pub fn need(&self, gate: GateId) -> u32 {
        self.state[gate as usize].need
    }

    /// How many of its inputs are true.
    #[inline]
    pub fn count(&self, gate: GateId) -> u32 {
        self.state[gate as usize].good
    }

    /// One input of the gate became true or false; without a branch on which, since that cannot be predicted. Answers
    /// whether the gate changed.
    #[inline]
    pub fn step(&mut self, wiring: &Wiring, gate: GateId, up: bool) -> bool {
        let state = &mut self.state[gate as usize];
        let lost = u32::from(!up);
        state.good = state.good.wrapping_add(1).wrapping_sub(2 * lost);
        let crossed = state.good + lost == state.need;
        if crossed {
            self.flip(wiring, gate, up);
        }
        crossed
    }

    /// `count` inputs changed at once.
    pub fn shift(&mut self, wiring: &Wiring, gate: GateId, count: u32, up: bool) {
        let state = &mut self.state[gate as usize];
        let before = state.good >= state.need;
        state.good = if up { state.good + count } else { state.good - count };
        let after = state.good >= state.need;
        if before != after {
            self.flip(wiring, gate, after);
        }
    }

    #[cold]
    fn flip(&mut self, wiring: &Wiring, gate: GateId, up: bool) {
        self.pending.push((gate, up));
        while let Some((gate, up)) = self.pending.pop() {
            for edge in wiring.heard_by(gate) {
                let edge = wiring.flat[edge];
                let Edge::Gate(next) = edge else {
                    self.touched.push(edge);
                    continue;
                };
                let state = &mut self.state[next as usize];
                let before = state.good >= state.need;
                state.good = if up { state.good + 1 } else { state.good - 1 };
                if before != (state.good >= state.need) {
                    self.pending.push((next, !before));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_change_below_the_threshold_is_heard_by_nobody() {
        let mut wiring = Wiring::default();
        let pool = wiring.gate(2);
        let service = wiring.at_least(1, &[pool]);
        wiring.connect(service, Edge::Subject(0));
        wiring.finish();
        let mut gates = Gates::new(&wiring);
        gates.shift(&wiring, pool, 3, true);
        gates.touched.clear();
        gates.step(&wiring, pool, false);
        assert!(gates.touched.is_empty() && gates.holds(service));
        gates.step(&wiring, pool, false);
        assert_eq!(gates.touched, [Edge::Subject(0)]);
        assert!(!gates.holds(service));
    }

    proptest! {
        /// The incremental state after any walk is the state computed from scratch.
        #[test]
        fn gates_agree_with_a_fresh_evaluation(
            needs in prop::collection::vec(0u32..3, 6),
            links in prop::collection::vec((0usize..6, 0usize..6), 0..12),
            flips in prop::collection::vec(0usize..6, 0..60),
        ) {
            let mut wiring = Wiring::default();
            let leaves: Vec<_> = (0..6).map(|_| wiring.gate(1)).collect();
            let inner: Vec<_> = needs.iter().map(|&need| wiring.gate(need)).collect();
            let mut inputs: Vec<Vec<GateId>> = (0..6).map(|i| vec![leaves[i]]).collect();
            for (from, to) in links {
                if from < to { inputs[to].push(inner[from]); }
            }
            for (to, from) in inputs.iter().enumerate() {
                for &from in from { wiring.connect(from, Edge::Gate(inner[to])); }
            }
            wiring.finish();
            let mut gates = Gates::new(&wiring);
            let mut up = [false; 6];
            for leaf in flips {
                up[leaf] = !up[leaf];
                gates.shift(&wiring, leaves[leaf], 1, up[leaf]);
                let mut value = [false; 12];
                value[..6].copy_from_slice(&up);
                for i in 0..6 {
                    let good = inputs[i].iter().filter(|&&input| value[input as usize]).count();
                    value[6 + i] = good as u32 >= needs[i];
                    prop_assert_eq!(gates.holds(inner[i]), value[6 + i]);
                }
            }
        }
    }
}
