//! Random scenarios: a tape of numbers read as choices, so that whatever shrinks the numbers shrinks the scenario.
//!
//! Choice 0 is always the simplest: nothing there. Every tape is a valid scenario of days full of faults: regions and
//! zones that go out, services that need each other, pools of several nodes, all kinds of law, failover with everything
//! that is built of it, standbys, calendar faults, routing with DNS or anycast, users with shares.

use std::fmt::Write as _;

/// Which parts of the language a scenario may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breadth {
    /// All of it.
    Whole,
    /// Shared fate and needs only, so that who serves follows from who is broken at the same instant.
    Instant,
}

struct Tape<'a> {
    numbers: &'a [u32],
    at: usize,
    whole: bool,
}

impl Tape<'_> {
    fn pick(&mut self, of: u32) -> u32 {
        let number = self.numbers.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        number % of
    }

    fn some(&mut self) -> bool {
        self.pick(2) == 1
    }

    /// A law of this mean, in minutes.
    fn law(&mut self, mean: u32) -> String {
        match self.pick(6) {
            0 => format!("{mean}min"),
            1 => format!("exp(mean={mean}min)"),
            2 => format!("weibull(shape=0.7, mean={mean}min)"),
            3 => format!("lognormal(mean={mean}min, cv=1.5)"),
            4 => format!("uniform(from=0s, to={}min)", 2 * mean),
            _ => format!("30s + gamma(shape=2, mean={mean}min)"),
        }
    }

    /// A random fault of about so many hours of life.
    fn fault(&mut self, hours: u32, breadth: Breadth) -> String {
        let (fails, repair) = (self.law(hours * 60), [20, 60, 400][self.pick(3) as usize]);
        let repair = if self.pick(12) == 11 { "never".to_owned() } else { self.law(repair) };
        if breadth == Breadth::Whole && self.pick(6) == 1 {
            return format!("{{ fails = \"{fails}\", repair = \"60min\", crew = \"crew\", cause = \"crewed\" }}");
        }
        let running = breadth == Breadth::Whole && self.pick(4) == 1;
        let ages = if running { ", ages = \"running\"" } else { "" };
        format!("{{ fails = \"{fails}\", repair = \"{repair}\"{ages} }}")
    }

    fn check(&mut self) -> String {
        let (every, down, up) = ([10, 30, 60][self.pick(3) as usize], 1 + self.pick(3), 1 + self.pick(3));
        let schedule = ["fixed", "after-answer"][self.pick(2) as usize];
        let sees = ["node", "region", "dependencies"][self.pick(3) as usize];
        format!(
            "health_check = {{ every = \"{every}s\", timeout = \"5s\", down_after = {down}, up_after = {up}, \
             schedule = \"{schedule}\", sees = \"{sees}\" }}\n"
        )
    }

    fn detection(&mut self) -> String {
        match self.pick(3) {
            0 => String::new(),
            1 => format!("detect = \"{}\"\n", self.law(2)),
            _ => self.check(),
        }
    }

    fn failback(&mut self) -> String {
        if !self.some() {
            return String::new();
        }
        let page =
            if self.some() { format!(", mode = \"manual\", page = \"{}\"", self.law(10)) } else { String::new() };
        format!("failback = {{ after = \"{}min\", takes = \"{}\"{page} }}\n", 10 + self.pick(50), self.law(1))
    }

    /// The keys of a failover over these regions.
    fn failover(&mut self, regions: u32) -> String {
        let first = self.pick(regions);
        let order: Vec<String> = (0..regions).map(|k| format!("\"r{}\"", (first + k) % regions)).collect();
        let mut keys = format!("order = [{}]\n{}", order.join(", "), self.detection());
        if self.some() {
            let _ = writeln!(keys, "promote = \"{}\"", self.law(5));
        }
        if self.some() {
            let _ = writeln!(keys, "success = \"{}%\"\nmanual = \"{}\"", 10 * self.pick(10), self.law(40));
        }
        if self.some() {
            let _ = writeln!(keys, "mode = \"manual\"\npage = \"{}\"", self.law(10));
        }
        if self.some() {
            let _ = writeln!(keys, "hold_down = \"{}min\"", 1 + self.pick(120));
        }
        keys + &self.failback()
    }

    fn standby(&mut self) -> &'static str {
        [
            "",
            "standby = \"warm\"\n",
            "standby = \"cold\"\n",
            "standby = { running = \"30%\", ageing = 0.25, wake = \"exp(mean=3min)\" }\n",
            "standby = { running = \"100%\", ageing = 0, wake = \"0s\" }\n",
        ][self.pick(5) as usize]
    }

    /// What a node carries, of the 100 that all users ask for; how it warms up, how many there are.
    fn capacity(&mut self, nodes: u32, scales: bool) -> String {
        let mut text = format!("capacity = \"{}/s\"\n", [20, 45, 100][self.pick(3) as usize]);
        if self.some() {
            let _ = writeln!(text, "warm_up = {{ for = \"{}min\", from = \"{}%\" }}", 1 + self.pick(90), self.pick(90));
        }
        if scales {
            let (target, every, cooldown) = (30 + self.pick(70), 1 + self.pick(10), self.pick(20));
            let (step, boot) = (10 + self.pick(90), self.law(5));
            let _ = writeln!(
                text,
                "autoscale = {{ min = 1, max = {}, target = \"{target}%\", every = \"{every}min\", boot = \"{boot}\", \
                 cooldown = \"{cooldown}min\", step = \"{step}%\" }}",
                nodes + 3
            );
        }
        text
    }

    fn service(&mut self, number: u32, services: u32, regions: u32, breadth: Breadth, limited: bool) -> String {
        let mut text = format!("[services.s{number}]\n");
        let nodes = 1 + self.pick(4);
        let limited = limited && self.some();
        let scales = limited && self.some();
        let need = if scales { 1 } else { 1 + self.pick(nodes) };
        let _ = writeln!(text, "nodes = {nodes}\nneed = {need}");
        if limited {
            text += &self.capacity(nodes, scales);
        }
        if self.pick(3) > 0 {
            let hours = 20 + self.pick(100);
            let one = self.fault(hours, breadth);
            let two = if self.pick(3) == 1 { format!(", {}", self.fault(50, breadth)) } else { String::new() };
            let _ = writeln!(text, "faults = [{one}{two}]");
        }
        // the next one always, so that only the first is nobody's need; perhaps another
        if number + 1 < services {
            let next = number + 1;
            let last = services - 1;
            let need = match self.pick(4) {
                0 => format!("\"s{next}\""),
                1 if last > next => format!("\"s{next}\", \"s{last}\""),
                2 if last > next => format!("\"any(s{next}, s{last})\""),
                3 => format!("\"{} nodes of (s{next}@r0, s{next}@r{})\"", 1 + self.pick(2), regions - 1),
                _ => format!("\"any(s{next}@r0, s{next}@r{})\"", regions - 1),
            };
            let _ = writeln!(text, "depends_on = [{need}]");
        }
        if breadth == Breadth::Whole {
            text += if scales { "" } else { self.standby() };
            if number > 0 && regions > 1 && self.some() {
                let keys = self.failover(regions);
                let _ = write!(text, "[services.s{number}.failover]\n{keys}");
            }
        }
        text
    }

    fn routing(&mut self, regions: u32) -> String {
        let mut text = "[routing]\nentry = \"s0\"\n".to_owned();
        let policy = match self.pick(4) {
            0 => format!("policy = \"latency\"\n{}{}", self.detection(), self.failback_of_users()),
            1 => format!("policy = \"geo\"\n{}{}", self.detection(), self.failback_of_users()),
            2 => {
                let share = 100 / regions;
                let weights: Vec<String> = (0..regions)
                    .map(|region| {
                        format!("r{region} = \"{}%\"", if region == 0 { 100 - share * (regions - 1) } else { share })
                    })
                    .collect();
                let weights = weights.join(", ");
                format!(
                    "policy = \"weighted\"\nweights = {{ {weights} }}\n{}{}",
                    self.detection(),
                    self.failback_of_users()
                )
            }
            _ => format!("policy = \"active-passive\"\n{}", self.failover(regions)),
        };
        text += &policy;
        let answers = match self.pick(4) {
            0 => String::new(),
            1 => format!("dns = {{ ttl = \"{}s\" }}\n", [0, 60, 600][self.pick(3) as usize]),
            2 => format!(
                "dns = {{ ttl = \"60s\", ignore_ttl = \"{}%\", ignore_for = \"{}\" }}\n",
                self.pick(30),
                self.law(60)
            ),
            _ => format!("anycast = {{ converge = \"{}\" }}\n", self.law(2)),
        };
        text + &answers
    }

    fn failback_of_users(&mut self) -> String {
        if self.some() { format!("failback = {{ after = \"{}min\" }}\n", 1 + self.pick(60)) } else { String::new() }
    }

    fn calendar(&mut self, number: u32, services: u32, regions: u32) -> String {
        let target = match self.pick(4) {
            0 => format!("s{}", self.pick(services)),
            1 => format!("s{}@r{}", self.pick(services), self.pick(regions)),
            2 => format!("r{}", self.pick(regions)),
            _ => format!("r{}/a", self.pick(regions)),
        };
        let when = match self.pick(3) {
            0 => format!("at = [\"{}h\"]", self.pick(100)),
            1 => format!("every = \"{}h\"", 1 + self.pick(30)),
            _ => format!("every = \"{}min\"\nfirst = \"0s\"", 100 + self.pick(3000)),
        };
        let silent = if self.some() { "silent = true\n" } else { "" };
        let planned = self.whole && self.pick(3) == 1;
        let drain = format!("mode = \"maintenance\"\ndrain = \"{}min\"\n", self.pick(40));
        let silent = if planned { drain.as_str() } else { silent };
        format!("[faults.c{number}]\ntarget = \"{target}\"\n{when}\nfor = \"{}\"\n{silent}", self.law(30))
    }
}

/// The scenario that a tape stands for.
pub fn scenario(numbers: &[u32], breadth: Breadth) -> String {
    let mut tape = Tape { numbers, at: 0, whole: breadth == Breadth::Whole };
    let (services, regions, zones) = (1 + tape.pick(4), 1 + tape.pick(3), 1 + tape.pick(2));
    let whole = breadth == Breadth::Whole;
    let mut text = "version = 1\nhorizon = \"20d\"\n".to_owned();
    if whole && tape.some() {
        text += "start = \"stationary\"\n";
        if tape.some() {
            text += "simulation.warm_up = \"0s\"\n";
        }
    }
    if whole && tape.some() {
        let _ = writeln!(text, "down_below = \"{}%\"", 50 + tape.pick(50));
    }
    for region in 0..regions {
        let _ = writeln!(text, "[regions.r{region}]\nzones = [{}]", ["\"a\"", "\"a\", \"b\""][zones as usize - 1]);
        if tape.some() {
            let _ = writeln!(text, "outage = {}", tape.fault(100, breadth));
        }
        if tape.some() {
            let _ = writeln!(text, "zone_outage = {}", tape.fault(60, breadth));
        }
        if whole && tape.some() {
            let _ = writeln!(text, "restart = \"{}\"", tape.law(5));
        }
    }
    let limited = whole && tape.some();
    if whole {
        let _ = writeln!(text, "[crews.crew]\nsize = {}", 1 + tape.pick(2));
    }
    for service in 0..services {
        text += &tape.service(service, services, regions, breadth, limited);
    }
    for calendar in 0..tape.pick(3) {
        text += &tape.calendar(calendar, services, regions);
    }
    let (users, share, near) = (whole && tape.some(), 1 + tape.pick(98), regions - 1);
    text += &if users { tape.routing(regions) } else { "[routing]\nentry = \"s0\"\n".to_owned() };
    if users || limited {
        let (key, unit) = if limited { ("rate", "/s") } else { ("share", "%") };
        let own = if whole && tape.pick(4) == 1 { ", fallback = [{ tier = \"page\", hit = \"60%\" }]" } else { "" };
        let _ = writeln!(text, "[users]\nu = {{ near = \"r0\", {key} = \"{share}{unit}\"{own} }}");
        let _ = writeln!(text, "v = {{ near = \"r{near}\", {key} = \"{}{unit}\" }}", 100 - share);
        text += "[objectives.o]\navailability = \"99%\"\nwindow = \"3d\"\n";
    }
    text
}
