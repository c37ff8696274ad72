//! The whole system seen from outside; file name = scenario.
