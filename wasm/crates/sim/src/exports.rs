//! Plain exports: links by number, and one array of numbers for what goes in and out.

use std::cell::RefCell;

use crate::{Counters, Fates, Link, LinkSettings};

const NUMBERS: usize = 32;
/// Arrival, ECN code point, and flipped bit or -1.
const NUMBERS_PER_FATE: usize = 3;

struct State {
    numbers: [f64; NUMBERS],
    links: Vec<Link>,
}

thread_local! {
    static STATE: RefCell<State> = const { RefCell::new(State { numbers: [0.0; NUMBERS], links: Vec::new() }) };
}

fn with<T>(call: impl FnOnce(&mut State) -> T) -> T {
    STATE.with_borrow_mut(call)
}

impl State {
    fn settings(&self) -> LinkSettings {
        LinkSettings::from_numbers(&std::array::from_fn(|i| self.numbers[i] as u64))
    }
}

/// Where the numbers are.
#[unsafe(no_mangle)]
pub extern "C" fn numbers() -> *mut f64 {
    with(|state| state.numbers.as_mut_ptr())
}

/// A link of the settings in the numbers; answers its own number.
#[unsafe(no_mangle)]
pub extern "C" fn create(seed: f64) -> u32 {
    with(|state| {
        let settings = state.settings();
        state.links.push(Link::new(seed as u64, settings));
        (state.links.len() - 1) as u32
    })
}

/// Gives a link the settings in the numbers.
#[unsafe(no_mangle)]
pub extern "C" fn change(link: u32) {
    with(|state| {
        let settings = state.settings();
        state.links[link as usize].change(settings);
    });
}

/// Loses the n-th packet.
#[unsafe(no_mangle)]
pub extern "C" fn drop_index(link: u32, index: f64) {
    with(|state| state.links[link as usize].drop_index(index as u64));
}

/// How often the sender's port has changed.
#[unsafe(no_mangle)]
pub extern "C" fn port(link: u32, now: f64) -> u32 {
    with(|state| state.links[link as usize].port(now as u64))
}

/// Decides about a packet; answers how many arrivals stand in the numbers.
#[unsafe(no_mangle)]
pub extern "C" fn offer(link: u32, now: f64, length: u32, ecn: u32) -> u32 {
    with(|state| {
        let fates: Fates = state.links[link as usize].offer(now as u64, length, ecn as u8);
        let mut count = 0;
        for fate in fates {
            let at = count * NUMBERS_PER_FATE;
            state.numbers[at] = fate.at as f64;
            state.numbers[at + 1] = f64::from(fate.ecn);
            state.numbers[at + 2] = fate.corrupt.map_or(-1.0, f64::from);
            count += 1;
        }
        count as u32
    })
}

/// Writes a link's counters into the numbers; answers how many.
#[unsafe(no_mangle)]
pub extern "C" fn counters(link: u32) -> u32 {
    with(|state| {
        let counters = state.links[link as usize].counters().numbers();
        for (number, counter) in state.numbers.iter_mut().zip(counters) {
            *number = counter as f64;
        }
        Counters::COUNT as u32
    })
}
