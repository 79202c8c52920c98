//! The closed list of what can happen beside faults and repairs, which are leaves of the winner tree.

/// A scheduled event; one with a generation is dropped if the thing it is about has moved on since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A calendar fault strikes.
    CalendarStart {
        /// Which one.
        calendar: u32,
        /// Its how many-th time.
        count: u32,
    },
    /// The announced time before a calendar fault is over: it begins.
    CalendarDrained {
        /// Which one.
        calendar: u32,
    },
    /// A calendar fault is over.
    CalendarEnd {
        /// Which one.
        calendar: u32,
    },
    /// The nodes in a place serve again after its outage.
    PlaceRestarted {
        /// The place.
        unit: u32,
    },
    /// A shock strikes.
    Shock {
        /// Which one.
        shock: u32,
    },
    /// A node that gets worse does so by a step.
    RampStep {
        /// The pool.
        pool: u32,
        /// Of what is wrong with it.
        number: u32,
    },
    /// A pool that the failure of a node has stopped goes on.
    PoolResumes {
        /// The pool.
        pool: u32,
    },
    /// Somebody looks for a latent fault.
    Inspect {
        /// Of this clock.
        clock: u32,
        /// Its how many-th time.
        count: u32,
    },
    /// An inspection is over.
    Inspected {
        /// Of this clock.
        clock: u32,
    },
    /// The next step of a deploy is due.
    DeployStep {
        /// Of which service's deploys.
        rollout: u32,
        /// Of the step.
        generation: u32,
    },
    /// A bad deploy is noticed.
    DeployNoticed {
        /// Of which service's deploys.
        rollout: u32,
        /// Its how many-th.
        count: u32,
    },
    /// A bad deploy is rolled back.
    DeployUndone {
        /// Of which service's deploys.
        rollout: u32,
    },
    /// Idle crews look for work.
    CrewLooks {
        /// Which set of crews.
        crew: u32,
    },
    /// A call reaches an idle crew.
    CrewCalled {
        /// Which set of crews.
        crew: u32,
        /// Who calls.
        caller: u32,
        /// Of the call.
        number: u32,
    },
    /// Stopped nodes of a pool have started.
    Woken {
        /// The pool.
        pool: u32,
        /// Of the pool's role.
        generation: u32,
    },
    /// A process's belief about one of its places follows its health.
    PlaceBelieved {
        /// The process.
        process: u32,
        /// The place in its order.
        place: u32,
        /// Who believes.
        checker: u32,
        /// Of the checker.
        generation: u32,
    },
    /// A stage of a failover is over.
    StageOver {
        /// The process.
        process: u32,
        /// Of the process.
        generation: u32,
    },
    /// A primary no longer waits for copies that do not answer.
    GaveUp {
        /// The process.
        process: u32,
        /// Of the wait.
        generation: u32,
    },
    /// A primary that was not told in time knows that it is one no longer.
    LeaseOver {
        /// The process.
        process: u32,
    },
    /// A step of a failback is due.
    FailbackDue {
        /// The process.
        process: u32,
        /// Of the failback.
        generation: u32,
    },
    /// The routing's belief about a region follows its health.
    RegionBelieved {
        /// The region.
        region: u32,
        /// Who believes.
        checker: u32,
        /// Of the checker.
        generation: u32,
    },
    /// The page about a region that is believed to be out is answered, or people have moved its users off.
    RegionLeaves {
        /// The region.
        region: u32,
        /// Counts what was believed of it.
        generation: u32,
    },
    /// A region is given its users back.
    RegionRejoins {
        /// The region.
        region: u32,
        /// Of the watch.
        generation: u32,
    },
    /// Some clients of a group have let go of an old answer.
    Drained {
        /// The group.
        group: u32,
        /// Of the group's flow.
        generation: u32,
    },
    /// Anycast has converged on a new answer.
    Converged {
        /// The group.
        group: u32,
        /// Of the group's flow.
        generation: u32,
    },
    /// Somebody looks at the load of a pool that scales.
    ScaleLooks {
        /// The pool.
        pool: u32,
    },
    /// A node of a pool that scales has booted.
    Booted {
        /// The pool.
        pool: u32,
        /// Of the boot.
        number: u32,
    },
    /// The level is no longer as good as a line.
    Resample {
        /// Of the loads.
        generation: u32,
    },
}

/// Order of classes at equal times (SCENARIO 3.4).
pub mod class {
    /// Timers and deadlines.
    pub const TIMER: u8 = 0;
    /// Repairs, ends of calendar faults, promotions.
    pub const END: u8 = 1;
    /// Faults.
    pub const START: u8 = 2;
    /// Crews are called.
    pub const CALL: u8 = 3;
    /// Checks.
    pub const CHECK: u8 = 4;
}
