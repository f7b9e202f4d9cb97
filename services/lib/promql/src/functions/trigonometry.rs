//! Trigonometric functions, of radians.

use std::f64::consts::PI;

use super::Function;
use crate::ValueType::Scalar;
use crate::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::math("sin", f64::sin),
    Function::math("cos", f64::cos),
    Function::math("tan", f64::tan),
    Function::math("asin", f64::asin),
    Function::math("acos", f64::acos),
    Function::math("atan", f64::atan),
    Function::math("sinh", f64::sinh),
    Function::math("cosh", f64::cosh),
    Function::math("tanh", f64::tanh),
    Function::math("asinh", f64::asinh),
    Function::math("acosh", f64::acosh),
    Function::math("atanh", f64::atanh),
    Function::math("deg", |radians| radians * 180.0 / PI),
    Function::math("rad", |degrees| degrees * PI / 180.0),
    Function::custom("pi", &[], |_, _, steps| Ok(Value::Scalar(vec![PI; steps.count]))).returning(Scalar),
];
