// SPDX-License-Identifier: Apache-2.0
//
// What a value is for outlives the passes that could lose it.

import Optimization
import Testing

@Suite("Purposes in passes")
struct PurposeTests {
  @Test("what the only inner step carries and keeps is what is left of the loop")
  func inlined() throws {
    try expect(
      .inlineSingleTripLoops,
      turns: """
        input %0 "theta": f64[3]
        %1, %2 = loop{"inner steps" trips 1 carries 1 stacked 0 save gradients} %0\
          : f64[3], f64[1, 3]
          body "step" {
            input %0 "index": i32[]
            input %1 "theta": f64[3]
            %2 g (state) = sin %1 : f64[3]
            %3 = subtract %1, %2 : f64[3]
            output "theta" %3
            output "g_saved" %2
          }
        output "theta" %1
        output "g" %2
        """,
      into: """
        input %0 "theta": f64[3]
        %1 g (trajectory) = sin %0 : f64[3]
        %2 (state) = subtract %0, %1 : f64[3]
        %3 = reshape{shape [1, 3]} %1 : f64[1, 3]
        output "theta" %2
        output "g" %3
        """)
  }

  @Test("of two equal values the one that is needed longer says what for")
  func merged() throws {
    try expect(
      .eliminateCommonSubexpressions,
      turns: """
        input %0 "x": f64[3]
        %1 h (activation) = sin %0 : f64[3]
        %2 = sin %0 : f64[3]
        %3 = cos %0 : f64[3]
        %4 theta1 (trajectory) = cos %0 : f64[3]
        %5 = add %1, %2 : f64[3]
        %6 = multiply %3, %4 : f64[3]
        output "y" %5
        output "z" %6
        """,
      into: """
        input %0 "x": f64[3]
        %1 h (activation) = sin %0 : f64[3]
        %2 (trajectory) = cos %0 : f64[3]
        %3 = add %1, %1 : f64[3]
        %4 = multiply %2, %2 : f64[3]
        output "y" %3
        output "z" %4
        """)
  }

  @Test("what a layer computes for a later loop is an activation")
  func shared() throws {
    // The product that the later loop no longer reads is left for `EliminateDeadCode`.
    try expect(
      .shareLoopValues(intensity: 0),
      turns: """
        input %0 "x": f64[2, 3]
        input %1 "w": f64[4, 3, 3]
        input %2 "v": f64[2, 3]
        %3 = loop{"layers" trips 4 carries 1 stacked 1 save everything} %0, %1 : f64[2, 3]
          body "layer" {
            input %0 "index": i32[]
            input %1 "x": f64[2, 3]
            input %2 "w": f64[3, 3]
            %3 = contract{[0, 1] [1, 2] to [0, 2]} %1, %2 : f64[2, 3]
            output "x" %3
          }
        %4, %5 = loop{"layers" trips 4 carries 2 stacked 1 save everything} %0, %2, %1\
          : f64[2, 3], f64[2, 3]
          body "layer" {
            input %0 "index": i32[]
            input %1 "x": f64[2, 3]
            input %2 "v": f64[2, 3]
            input %3 "w": f64[3, 3]
            %4 = contract{[0, 1] [1, 2] to [0, 2]} %1, %3 : f64[2, 3]
            %5 = multiply %2, %4 : f64[2, 3]
            output "x" %4
            output "v" %5
          }
        output "x" %4
        output "v" %5
        output "y" %3
        """,
      into: """
        input %0 "x": f64[2, 3]
        input %1 "w": f64[4, 3, 3]
        input %2 "v": f64[2, 3]
        %3, %4 = loop{"layers" trips 4 carries 1 stacked 1 save everything} %0, %1\
          : f64[2, 3], f64[4, 2, 3]
          body "layer" {
            input %0 "index": i32[]
            input %1 "x": f64[2, 3]
            input %2 "w": f64[3, 3]
            %3 (activation) = contract{[0, 1] [1, 2] to [0, 2]} %1, %2 : f64[2, 3]
            output "x" %3
            output "shared_3" %3
          }
        %5, %6 = loop{"layers" trips 4 carries 2 stacked 2 save everything} %0, %2, %1, %4\
          : f64[2, 3], f64[2, 3]
          body "layer" {
            input %0 "index": i32[]
            input %1 "x": f64[2, 3]
            input %2 "v": f64[2, 3]
            input %3 "w": f64[3, 3]
            input %4 "shared_4": f64[2, 3]
            %5 = contract{[0, 1] [1, 2] to [0, 2]} %1, %3 : f64[2, 3]
            %6 = multiply %2, %4 : f64[2, 3]
            output "x" %4
            output "v" %6
          }
        output "x" %3
        output "v" %6
        output "y" %3
        """)
  }
}
