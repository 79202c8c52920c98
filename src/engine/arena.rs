//! Places for what comes and goes: each is used again, with what lies in it, so that nothing is moved or allocated.
//!
//! What stands in a place is named by the place and a serial number ([`Id`]), so that a name of something that has gone
//! finds nothing. The caller writes what comes into the place over what was there before. The place that was left last
//! is taken first. Serial number 0 stands for nobody.

/// Names what stands in an arena: its place, and its serial number, which is not 0. One word, which moves as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Id(u64);

impl Id {
    /// Of nothing.
    pub const NONE: Id = Id(u32::MAX as u64);

    #[inline]
    const fn new(index: u32, serial: u32) -> Self {
        Id((serial as u64) << 32 | index as u64)
    }

    /// The place.
    #[inline]
    pub const fn index(self) -> u32 {
        self.0 as u32
    }

    /// Serial number of what stands there.
    #[inline]
    pub const fn serial(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// Both in one number.
    #[inline]
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The name with this number.
    #[inline]
    pub const fn of_number(number: u64) -> Self {
        Id(number)
    }
}

#[derive(Clone, Debug)]
struct Place<T> {
    serial: u32,
    /// The place that was left before this one, or [`NOWHERE`].
    next: u32,
    value: T,
}

/// No place.
const NOWHERE: u32 = u32::MAX;

/// Places for values of type `T`.
#[derive(Clone, Debug)]
pub struct Arena<T> {
    places: Vec<Place<T>>,
    /// Those below have been taken since the last [`clear`](Self::clear).
    used: u32,
    /// The place that was left last, or [`NOWHERE`].
    free: u32,
}

impl<T> Default for Arena<T> {
    fn default() -> Self {
        Arena { places: Vec::new(), used: 0, free: NOWHERE }
    }
}

impl<T> Arena<T> {
    /// Takes a place for what has this serial number. What lies in it is old, or comes from `new`.
    #[expect(
        clippy::inline_always,
        reason = "several times a request: a call costs a tenth of it (benches/requests.rs)"
    )]
    #[inline(always)]
    pub fn take(&mut self, serial: u32, new: impl FnOnce() -> T) -> (Id, &mut T) {
        if self.free == NOWHERE {
            self.make_room(new);
        }
        let index = self.free;
        let place = &mut self.places[index as usize];
        place.serial = serial;
        self.free = place.next;
        (Id::new(index, serial), &mut place.value)
    }

    /// One place more.
    #[inline(never)]
    fn make_room(&mut self, new: impl FnOnce() -> T) {
        let index = self.used;
        self.used += 1;
        match self.places.get_mut(index as usize) {
            Some(place) => place.next = NOWHERE,
            None => self.places.push(Place { serial: 0, next: NOWHERE, value: new() }),
        }
        self.free = index;
    }

    /// What the name stands for, if it has not gone.
    #[inline]
    pub fn get(&self, id: Id) -> Option<&T> {
        let place = self.places.get(id.index() as usize)?;
        if place.serial == id.serial() { Some(&place.value) } else { None }
    }

    /// The same, to change it.
    #[inline]
    pub fn get_mut(&mut self, id: Id) -> Option<&mut T> {
        let place = self.places.get_mut(id.index() as usize)?;
        if place.serial == id.serial() { Some(&mut place.value) } else { None }
    }

    /// What the name stands for has gone; the value stays where it is.
    #[inline]
    pub fn leave(&mut self, id: Id) {
        self.remove(id);
    }

    /// The same; answers what it was.
    #[inline]
    pub fn remove(&mut self, id: Id) -> Option<&T> {
        let place = self.places.get_mut(id.index() as usize)?;
        if place.serial != id.serial() {
            return None;
        }
        (place.serial, place.next) = (0, self.free);
        self.free = id.index();
        Some(&place.value)
    }

    /// All that stands in it, by place.
    pub fn iter(&self) -> impl Iterator<Item = (Id, &T)> {
        let name = |(index, place): (u32, _)| -> (Id, &T) {
            let place: &Place<T> = place;
            (Id::new(index, place.serial), &place.value)
        };
        (0..).zip(&self.places[..self.used as usize]).map(name).filter(|(id, _)| id.serial() != 0)
    }

    /// The same, to change it.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (Id, &mut T)> {
        (0..)
            .zip(&mut self.places[..self.used as usize])
            .map(|(index, place)| (Id::new(index, place.serial), &mut place.value))
            .filter(|(id, _)| id.serial() != 0)
    }

    /// How many stand in it.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Does nothing stand in it?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All have gone; keeps the places.
    pub fn clear(&mut self) {
        self.places.iter_mut().for_each(|place| place.serial = 0);
        (self.used, self.free) = (0, NOWHERE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_name_finds_what_it_named_until_that_has_gone(steps in prop::collection::vec(prop::option::of(0usize..8), 0..200)) {
            let mut arena = Arena::default();
            let mut known: Vec<(Id, u32)> = Vec::new();
            let mut gone: Vec<Id> = Vec::new();
            for (serial, step) in (1u32..).zip(steps) {
                match step {
                    Some(which) if which < known.len() => {
                        let (id, _) = known.remove(which);
                        arena.leave(id);
                        arena.leave(id); // nothing happens twice
                        gone.push(id);
                    }
                    Some(_) => arena.clear(),
                    None => {
                        let (id, value) = arena.take(serial, || 0);
                        *value = serial * 3;
                        known.push((id, serial * 3));
                    }
                }
                if step.is_some() && arena.is_empty() {
                    gone.extend(known.drain(..).map(|(id, _)| id));
                }
                prop_assert_eq!(arena.len(), known.len());
                for (id, value) in &known {
                    prop_assert_eq!(arena.get(*id), Some(value));
                }
                prop_assert!(gone.iter().all(|id| arena.get(*id).is_none()));
                prop_assert_eq!(arena.iter().count(), known.len());
            }
        }
    }

    #[test]
    fn the_place_that_was_left_last_is_taken_first() {
        let mut arena = Arena::default();
        let ids: Vec<Id> = (1..4).map(|serial| arena.take(serial, || ()).0).collect();
        arena.leave(ids[2]);
        arena.leave(ids[0]);
        let next: Vec<u32> = (4..7).map(|serial| arena.take(serial, || ()).0.index()).collect();
        assert_eq!(next, [0, 2, 3]);
    }
}
