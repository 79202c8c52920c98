//! The exponential function of `libm`, to the same bits, for arguments that cannot be predicted.
//!
//! `libm::exp` branches on the size of its argument, which is a guess where that is drawn: half of the draws of a
//! lognormal law then wait for the branch. Here the argument is reduced alike in all cases (after FreeBSD's `e_exp.c`,
//! as there).

use std::f64::consts::LOG2_E;

const LN2_HI: f64 = 0.693_147_180_369_123_8;
const LN2_LO: f64 = 1.908_214_929_270_587_7e-10;
const P1: f64 = 0.166_666_666_666_666_02;
const P2: f64 = -0.002_777_777_777_701_559_3;
const P3: f64 = 6.613_756_321_437_934e-5;
const P4: f64 = -1.653_390_220_546_525_2e-6;
const P5: f64 = 4.138_136_797_057_238_5e-8;

/// High words of 2^-28, of ln 2 / 2, and of 700.
const TINY: u32 = 0x3e30_0000;
const HALF_LN2: u32 = 0x3fd6_2e42;
const LARGE: u32 = 0x4085_e000;

/// e^x.
#[inline]
pub fn exp(x: f64) -> f64 {
    let high = (x.to_bits() >> 32) as u32 & 0x7fff_ffff;
    if high <= TINY || high >= LARGE {
        return libm::exp(x);
    }
    // x = k ln 2 + r, k being 0 where |x| is at most ln 2 / 2
    let nearest = (LOG2_E * x + 0.5_f64.copysign(x)) as i32;
    let k = nearest & i32::from(high <= HALF_LN2).wrapping_sub(1);
    let high = x - f64::from(k) * LN2_HI;
    let low = f64::from(k) * LN2_LO;
    let r = high - low;
    let square = r * r;
    let c = r - square * (P1 + square * (P2 + square * (P3 + square * (P4 + square * P5))));
    let y = 1.0 + (r * c / (2.0 - c) - low + high);
    y * f64::from_bits(((0x3ff + k) as u64) << 52)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(x: f64) {
        assert_eq!(exp(x).to_bits(), libm::exp(x).to_bits(), "{x:e}");
    }

    #[test]
    fn it_is_that_of_libm_to_the_last_bit() {
        let mut state = 1_u64;
        for _ in 0..2_000_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let unit = (state >> 11) as f64 / (1_u64 << 53) as f64;
            let x = 2.0 * unit - 1.0;
            [x, 3.0 * x, 40.0 * x, 800.0 * x, x * x * x * 1e-7].into_iter().for_each(same);
        }
    }

    #[test]
    fn it_is_so_at_its_seams() {
        let seams = [TINY, HALF_LN2, LARGE, 0x3ff0_a2b2, 0x4086_232b];
        for high in seams.into_iter().flat_map(|high| high - 2..high + 3) {
            for low in [0, 1, 0x3f00_0000, 0x7fff_ffff, 0x8000_0000, 0xfefa_39ee, 0xfefa_39ef, 0xfefa_39f0, u32::MAX] {
                let x = f64::from_bits(u64::from(high) << 32 | u64::from(low));
                [x, -x].into_iter().for_each(same);
            }
        }
        let half = std::f64::consts::LN_2 / 2.0;
        for k in -1400..1400 {
            let odd = half * f64::from(k);
            [odd, f64::from_bits(odd.to_bits() + 1), f64::from_bits(odd.to_bits().wrapping_sub(1))]
                .into_iter()
                .for_each(same);
        }
        [0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, f64::MIN_POSITIVE, 709.9, -745.2, -750.0]
            .into_iter()
            .for_each(same);
    }
}
