#include "textflag.h"

// Written by hand. Go's assembler lacks a few instructions of Advanced SIMD, which stand
// here as words (Arm Architecture Reference Manual, C7.2). Blocks of 8 palms: one word of
// all is 64 bytes, so 4 registers of 2 palms.

// unsigned add long pairwise, 16 bytes to 8 halves
#define UADDLP_B(n, d) WORD $(0x6E202800 | (n)<<5 | (d))
// signed multiply-add long, low and high 4 halves
#define SMLAL(m, n, d) WORD $(0x0E608000 | (m)<<16 | (n)<<5 | (d))
#define SMLAL2(m, n, d) WORD $(0x4E608000 | (m)<<16 | (n)<<5 | (d))
// signed minimum, 4 words
#define SMIN_S(m, n, d) WORD $(0x4EA06C00 | (m)<<16 | (n)<<5 | (d))
// unsigned shift left by a register, 2 words of 64 bits
#define USHL_D(m, n, d) WORD $(0x6EE04400 | (m)<<16 | (n)<<5 | (d))
// unsigned saturating add, 16 bytes
#define UQADD_B(m, n, d) WORD $(0x6E200C00 | (m)<<16 | (n)<<5 | (d))

// DIFFER leaves in V0 to V3, a word of the palms, where it differs from V4 under the mask V5.
#define DIFFER \
	VEOR V4.B16, V0.B16, V0.B16 \
	VEOR V4.B16, V1.B16, V1.B16 \
	VEOR V4.B16, V2.B16, V2.B16 \
	VEOR V4.B16, V3.B16, V3.B16 \
	VAND V5.B16, V0.B16, V0.B16 \
	VAND V5.B16, V1.B16, V1.B16 \
	VAND V5.B16, V2.B16, V2.B16 \
	VAND V5.B16, V3.B16, V3.B16

// COUNT adds to the bytes of V16 to V19 the bits of V0 to V3.
#define COUNT \
	VCNT V0.B16, V0.B16          \
	VCNT V1.B16, V1.B16          \
	VCNT V2.B16, V2.B16          \
	VCNT V3.B16, V3.B16          \
	VADD V0.B16, V16.B16, V16.B16 \
	VADD V1.B16, V17.B16, V17.B16 \
	VADD V2.B16, V18.B16, V18.B16 \
	VADD V3.B16, V19.B16, V19.B16

#define CLEAR \
	VEOR V16.B16, V16.B16, V16.B16 \
	VEOR V17.B16, V17.B16, V17.B16 \
	VEOR V18.B16, V18.B16, V18.B16 \
	VEOR V19.B16, V19.B16, V19.B16

// LANES sums the bytes of V16 to V19 to one half for each of 8 palms in V16.
#define LANES \
	UADDLP_B(16, 16)               \
	UADDLP_B(17, 17)               \
	UADDLP_B(18, 18)               \
	UADDLP_B(19, 19)               \
	VADDP V17.H8, V16.H8, V16.H8 \
	VADDP V19.H8, V18.H8, V18.H8 \
	VADDP V18.H8, V16.H8, V16.H8

// func coarseNEON(out *uint16, blocks *byte, n int, probe *uint64, variants, words int)
// Parts are bytes: V24 to V27 hold the least of each part of each palm.
TEXT ·coarseNEON(SB), NOSPLIT, $0-48
	MOVD out+0(FP), R0
	MOVD blocks+8(FP), R1
	MOVD n+16(FP), R2
	MOVD probe+24(FP), R3
	MOVD variants+32(FP), R4
	MOVD words+40(FP), R10

coarseBlock:
	VMOVI $255, V24.B16
	VMOVI $255, V25.B16
	VMOVI $255, V26.B16
	VMOVI $255, V27.B16
	MOVD  R3, R5
	MOVD  R4, R6

coarseVariant:
	MOVD R1, R7
	ADD  $128, R5, R8
	ADD  $256, R5, R11
	MOVD R10, R9
	CLEAR

coarseWord:
	VLD1.P  64(R7), [V0.B16, V1.B16, V2.B16, V3.B16]
	VLD1R.P 8(R5), [V4.D2]
	VLD1R.P 8(R8), [V5.D2]
	DIFFER
	COUNT
	SUBS    $1, R9, R9
	BNE     coarseWord
	VLD1R.P 8(R11), [V4.D2] // the biases, which follow the masks
	UQADD_B(4, 16, 16)
	UQADD_B(4, 17, 17)
	UQADD_B(4, 18, 18)
	UQADD_B(4, 19, 19)
	VUMIN   V16.B16, V24.B16, V24.B16
	VUMIN   V17.B16, V25.B16, V25.B16
	VUMIN   V18.B16, V26.B16, V26.B16
	VUMIN   V19.B16, V27.B16, V27.B16
	MOVD    R11, R5
	SUBS    $1, R6, R6
	BNE     coarseVariant
	VORR    V24.B16, V24.B16, V16.B16
	VORR    V25.B16, V25.B16, V17.B16
	VORR    V26.B16, V26.B16, V18.B16
	VORR    V27.B16, V27.B16, V19.B16
	LANES
	VST1.P  [V16.B16], 16(R0)
	MOVD    R7, R1
	SUBS    $1, R2, R2
	BNE     coarseBlock
	RET

// func fineNEON(out *uint16, blocks *byte, n int, probe *uint64, variants int)
// A part is 6 words: 384 bytes of a block. Masks follow 384 bytes after the bits, biases after 768,
// and the next variant after 800.
TEXT ·fineNEON(SB), NOSPLIT, $0-40
	MOVD out+0(FP), R0
	MOVD blocks+8(FP), R1
	MOVD n+16(FP), R2
	MOVD probe+24(FP), R3
	MOVD variants+32(FP), R4

block:
	VEOR V30.B16, V30.B16, V30.B16
	MOVD R3, R9
	ADD  $768, R3, R10
	MOVD $8, R11

part:
	VMOVI $255, V31.B16
	MOVD  R9, R12
	MOVD  R10, R13
	MOVD  R4, R14

variant:
	MOVD R1, R15
	MOVD R12, R16
	ADD  $384, R12, R17
	MOVD $6, R19
	CLEAR

word:
	VLD1.P  64(R15), [V0.B16, V1.B16, V2.B16, V3.B16]
	VLD1R.P 8(R16), [V4.D2]
	VLD1R.P 8(R17), [V5.D2]
	DIFFER
	COUNT
	SUBS    $1, R19, R19
	BNE     word

	// Bytes hold at most 48 now, and 192 after two sums of neighbours.
	VADDP V17.B16, V16.B16, V16.B16
	VADDP V19.B16, V18.B16, V18.B16
	VADDP V18.B16, V16.B16, V16.B16
	UADDLP_B(16, 16)
	VLD1R (R13), [V6.H8]
	VADD  V6.H8, V16.H8, V16.H8
	VUMIN V16.H8, V31.H8, V31.H8
	ADD   $800, R12, R12
	ADD   $800, R13, R13
	SUBS  $1, R14, R14
	BNE   variant
	VADD  V31.H8, V30.H8, V30.H8
	ADD   $384, R1, R1
	ADD   $48, R9, R9
	ADD   $4, R10, R10
	SUBS  $1, R11, R11
	BNE   part
	VST1.P [V30.B16], 16(R0)
	SUBS  $1, R2, R2
	BNE   block
	RET

// func differNEON(out *uint16, packed *byte, n int, code *uint64)
TEXT ·differNEON(SB), NOSPLIT, $0-32
	MOVD out+0(FP), R0
	MOVD packed+8(FP), R1
	MOVD n+16(FP), R2
	MOVD code+24(FP), R3

probes:
	MOVD R3, R4
	ADD  $1024, R1, R5
	MOVD $16, R6
	CLEAR

palm:
	VLD1.P  64(R1), [V0.B16, V1.B16, V2.B16, V3.B16]
	VLD1R.P 8(R4), [V4.D2]
	VLD1R.P 8(R5), [V5.D2]
	DIFFER
	COUNT
	SUBS    $1, R6, R6
	BNE     palm
	LANES
	VST1.P  [V16.B16], 16(R0)
	MOVD    R5, R1
	SUBS    $1, R2, R2
	BNE     probes
	RET

// COMPARE leaves in V0 to V3 where two codes differ under the care that they share, in V4 to V7.
#define COMPARE \
	VLD1.P 64(R2), [V4.B16, V5.B16, V6.B16, V7.B16]     \
	VLD1.P 64(R4), [V20.B16, V21.B16, V22.B16, V23.B16] \
	VAND   V20.B16, V4.B16, V4.B16                      \
	VAND   V21.B16, V5.B16, V5.B16                      \
	VAND   V22.B16, V6.B16, V6.B16                      \
	VAND   V23.B16, V7.B16, V7.B16                      \
	VLD1.P 64(R1), [V0.B16, V1.B16, V2.B16, V3.B16]     \
	VLD1.P 64(R3), [V20.B16, V21.B16, V22.B16, V23.B16] \
	VEOR   V20.B16, V0.B16, V0.B16                      \
	VEOR   V21.B16, V1.B16, V1.B16                      \
	VEOR   V22.B16, V2.B16, V2.B16                      \
	VEOR   V23.B16, V3.B16, V3.B16                      \
	VAND   V4.B16, V0.B16, V0.B16                       \
	VAND   V5.B16, V1.B16, V1.B16                       \
	VAND   V6.B16, V2.B16, V2.B16                       \
	VAND   V7.B16, V3.B16, V3.B16                       \
	VCNT   V0.B16, V0.B16                               \
	VCNT   V1.B16, V1.B16                               \
	VCNT   V2.B16, V2.B16                               \
	VCNT   V3.B16, V3.B16                               \
	VCNT   V4.B16, V4.B16                               \
	VCNT   V5.B16, V5.B16                               \
	VCNT   V6.B16, V6.B16                               \
	VCNT   V7.B16, V7.B16                               \
	VADD   V0.B16, V1.B16, V0.B16                       \
	VADD   V2.B16, V3.B16, V2.B16                       \
	VADD   V4.B16, V5.B16, V4.B16                       \
	VADD   V6.B16, V7.B16, V6.B16

// func wholeNEON(out *uint16, probeBits, probeCare, bits, care *uint64)
// Each of the four sums of bytes takes 12 times at most 16: 192.
TEXT ·wholeNEON(SB), NOSPLIT, $0-40
	MOVD out+0(FP), R0
	MOVD probeBits+8(FP), R1
	MOVD probeCare+16(FP), R2
	MOVD bits+24(FP), R3
	MOVD care+32(FP), R4
	MOVD $12, R5
	CLEAR

rows:
	COMPARE
	VADD V0.B16, V16.B16, V16.B16
	VADD V2.B16, V17.B16, V17.B16
	VADD V4.B16, V18.B16, V18.B16
	VADD V6.B16, V19.B16, V19.B16
	SUBS $1, R5, R5
	BNE  rows
	VUADDLV V16.B16, V16
	VUADDLV V17.B16, V17
	VUADDLV V18.B16, V18
	VUADDLV V19.B16, V19
	VADD    V17.H8, V16.H8, V16.H8
	VADD    V19.H8, V18.H8, V18.H8
	VMOV    V16.H[0], R6
	VMOV    V18.H[0], R7
	MOVH    R6, (R0)
	MOVH    R7, 2(R0)
	RET

// func moveNEON(to, from *uint64, right int64, columns uint64)
// A shift by a negative number is one to the right.
TEXT ·moveNEON(SB), NOSPLIT, $0-32
	MOVD to+0(FP), R0
	MOVD from+8(FP), R1
	MOVD right+16(FP), R2
	MOVD columns+24(FP), R3
	VDUP R2, V4.D2
	VDUP R3, V5.D2
	MOVD $12, R4

moved:
	VLD1.P 64(R1), [V0.B16, V1.B16, V2.B16, V3.B16]
	USHL_D(4, 0, 0)
	USHL_D(4, 1, 1)
	USHL_D(4, 2, 2)
	USHL_D(4, 3, 3)
	VAND   V5.B16, V0.B16, V0.B16
	VAND   V5.B16, V1.B16, V1.B16
	VAND   V5.B16, V2.B16, V2.B16
	VAND   V5.B16, V3.B16, V3.B16
	VST1.P [V0.B16, V1.B16, V2.B16, V3.B16], 64(R0)
	SUBS   $1, R4, R4
	BNE    moved
	RET

// func blocksNEON(out *uint16, probeBits, probeCare, bits, care *uint64)
// Byte x of a word is block column x%4. A register holds two words; 8 rows fill 12 of them.
TEXT ·blocksNEON(SB), NOSPLIT, $0-40
	MOVD out+0(FP), R0
	MOVD probeBits+8(FP), R1
	MOVD probeCare+16(FP), R2
	MOVD bits+24(FP), R3
	MOVD care+32(FP), R4
	MOVD $4, R5

band:
	MOVD $3, R6
	CLEAR

bandRows:
	COMPARE
	VADD V0.B16, V16.B16, V16.B16
	VADD V2.B16, V16.B16, V16.B16
	VADD V4.B16, V18.B16, V18.B16
	VADD V6.B16, V18.B16, V18.B16
	SUBS $1, R6, R6
	BNE  bandRows
	VEXT $8, V16.B16, V16.B16, V17.B16
	VEXT $8, V18.B16, V18.B16, V19.B16
	VADD V17.B16, V16.B16, V16.B16 // at most 192
	VADD V19.B16, V18.B16, V18.B16
	VUXTL V16.B8, V16.H8
	VUXTL V18.B8, V18.H8
	VEXT $8, V16.B16, V16.B16, V17.B16
	VEXT $8, V18.B16, V18.B16, V19.B16
	VADD V17.H8, V16.H8, V16.H8
	VADD V19.H8, V18.H8, V18.H8
	VZIP1 V18.H8, V16.H8, V16.H8
	VST1.P [V16.B16], 16(R0)
	SUBS $1, R5, R5
	BNE  band
	RET

// func hammingNEON(out *uint16, blocks *byte, n int, probe *uint64, quarters int)
TEXT ·hammingNEON(SB), NOSPLIT, $0-40
	MOVD out+0(FP), R0
	MOVD blocks+8(FP), R1
	MOVD n+16(FP), R2
	MOVD probe+24(FP), R3
	MOVD quarters+32(FP), R4

codes:
	VEOR V30.B16, V30.B16, V30.B16
	MOVD R3, R5
	MOVD R4, R6

quarter:
	MOVD $16, R7
	CLEAR

words:
	VLD1.P  64(R1), [V0.B16, V1.B16, V2.B16, V3.B16]
	VLD1R.P 8(R5), [V4.D2]
	VEOR    V4.B16, V0.B16, V0.B16
	VEOR    V4.B16, V1.B16, V1.B16
	VEOR    V4.B16, V2.B16, V2.B16
	VEOR    V4.B16, V3.B16, V3.B16
	COUNT
	SUBS    $1, R7, R7
	BNE     words
	LANES
	VADD    V16.H8, V30.H8, V30.H8
	SUBS    $1, R6, R6
	BNE     quarter
	VST1.P  [V30.B16], 16(R0)
	SUBS    $1, R2, R2
	BNE     codes
	RET

// DOT adds the products of one filter's row, at R10, and of the window's, in V0 to V3.
#define DOT(d) \
	VLD1.P 64(R10), [V4.B16, V5.B16, V6.B16, V7.B16] \
	SMLAL(4, 0, d)                                   \
	SMLAL2(4, 0, d)                                  \
	SMLAL(5, 1, d)                                   \
	SMLAL2(5, 1, d)                                  \
	SMLAL(6, 2, d)                                   \
	SMLAL2(6, 2, d)                                  \
	SMLAL(7, 3, d)                                   \
	SMLAL2(7, 3, d)

// PUT stores the sum of a register's words at R9 and moves on by R4 values.
#define PUT(v) \
	VADDV v.S4, v     \
	VMOV  v.S[0], R12 \
	MOVW  R12, (R9)   \
	ADD   R4<<2, R9, R9

// func filterNEON(out *int32, field *int16, stride int, centres *int32, n int, taps *int16, rows int)
TEXT ·filterNEON(SB), NOSPLIT, $0-56
	MOVD out+0(FP), R0
	MOVD field+8(FP), R1
	MOVD stride+16(FP), R2
	MOVD centres+24(FP), R3
	MOVD n+32(FP), R4
	MOVD taps+40(FP), R5
	MOVD rows+48(FP), R6
	LSL  $1, R2, R2
	MOVD R4, R7

window:
	MOVW.P 4(R3), R8
	ADD    R8<<1, R1, R8
	MOVD   R5, R10
	MOVD   R6, R11
	VEOR   V24.B16, V24.B16, V24.B16
	VEOR   V25.B16, V25.B16, V25.B16
	VEOR   V26.B16, V26.B16, V26.B16
	VEOR   V27.B16, V27.B16, V27.B16
	VEOR   V28.B16, V28.B16, V28.B16
	VEOR   V29.B16, V29.B16, V29.B16

row:
	VLD1 (R8), [V0.B16, V1.B16, V2.B16, V3.B16]
	ADD  R2, R8, R8
	DOT(24)
	DOT(25)
	DOT(26)
	DOT(27)
	DOT(28)
	DOT(29)
	SUBS $1, R11, R11
	BNE  row
	MOVD R0, R9
	ADD  $4, R0, R0
	PUT(V24)
	PUT(V25)
	PUT(V26)
	PUT(V27)
	PUT(V28)
	PUT(V29)
	SUBS $1, R7, R7
	BNE  window
	RET

// AND_NEAR lowers V5 to what is in v and pays p.
#define AND_NEAR(p, v) \
	VADD p.S4, v.S4, V6.S4 \
	SMIN_S(6, 5, 5)

// NEAR0 to NEAR4 leave in V5 the least of V0 to V4, each with the price of its distance from one of
// them; V28 to V31 are the prices of 1 to 4.
#define NEAR0 \
	VADD V28.S4, V1.S4, V5.S4 \
	SMIN_S(0, 5, 5)           \
	AND_NEAR(V29, V2)         \
	AND_NEAR(V30, V3)         \
	AND_NEAR(V31, V4)

#define NEAR1 \
	VADD V28.S4, V0.S4, V5.S4 \
	SMIN_S(1, 5, 5)           \
	AND_NEAR(V28, V2)         \
	AND_NEAR(V29, V3)         \
	AND_NEAR(V30, V4)

#define NEAR2 \
	VADD V29.S4, V0.S4, V5.S4 \
	SMIN_S(2, 5, 5)           \
	AND_NEAR(V28, V1)         \
	AND_NEAR(V28, V3)         \
	AND_NEAR(V29, V4)

#define NEAR3 \
	VADD V30.S4, V0.S4, V5.S4 \
	SMIN_S(3, 5, 5)           \
	AND_NEAR(V29, V1)         \
	AND_NEAR(V28, V2)         \
	AND_NEAR(V28, V4)

#define NEAR4 \
	VADD V31.S4, V0.S4, V5.S4 \
	SMIN_S(4, 5, 5)           \
	AND_NEAR(V30, V1)         \
	AND_NEAR(V29, V2)         \
	AND_NEAR(V28, V3)

// COLUMN stores V5 in its row of the column and keeps the least of all in V7.
#define COLUMN \
	SMIN_S(5, 7, 7) \
	VST1.P [V5.S4], (R9)(R12)

// func stretchNEON(next, out, before, cost, more *int32, stiffness int32)
// Four chains at a time; the rows' transforms wait in a local buffer for the columns'.
TEXT ·stretchNEON(SB), NOSPLIT, $400-44
	MOVD next+0(FP), R0
	MOVD out+8(FP), R1
	MOVD before+16(FP), R2
	MOVD cost+24(FP), R3
	MOVD more+32(FP), R4
	MOVW stiffness+40(FP), R5
	VDUP R5, V28.S4
	VSHL $2, V28.S4, V29.S4
	VSHL $3, V28.S4, V30.S4
	VADD V28.S4, V30.S4, V30.S4
	VSHL $4, V28.S4, V31.S4
	MOVD $64, R10 // from displacement to displacement
	MOVD $80, R12 // from row to row of the buffer
	MOVD $4, R6

chains:
	MOVD  R2, R7
	MOVD  $rows-400(SP), R8
	MOVD  $5, R11
	VMOVI $255, V7.B16
	VUSHR $1, V7.S4, V7.S4

bendRows:
	VLD1.P (R7)(R10), [V0.S4]
	VLD1.P (R7)(R10), [V1.S4]
	VLD1.P (R7)(R10), [V2.S4]
	VLD1.P (R7)(R10), [V3.S4]
	VLD1.P (R7)(R10), [V4.S4]
	NEAR0
	VST1.P [V5.S4], 16(R8)
	NEAR1
	VST1.P [V5.S4], 16(R8)
	NEAR2
	VST1.P [V5.S4], 16(R8)
	NEAR3
	VST1.P [V5.S4], 16(R8)
	NEAR4
	VST1.P [V5.S4], 16(R8)
	SUBS   $1, R11, R11
	BNE    bendRows
	MOVD   $rows-400(SP), R8
	MOVD   $5, R11

bendColumns:
	MOVD   R8, R7
	MOVD   R8, R9
	VLD1.P (R7)(R12), [V0.S4]
	VLD1.P (R7)(R12), [V1.S4]
	VLD1.P (R7)(R12), [V2.S4]
	VLD1.P (R7)(R12), [V3.S4]
	VLD1.P (R7)(R12), [V4.S4]
	NEAR0
	COLUMN
	NEAR1
	COLUMN
	NEAR2
	COLUMN
	NEAR3
	COLUMN
	NEAR4
	COLUMN
	ADD    $16, R8, R8
	SUBS   $1, R11, R11
	BNE    bendColumns
	MOVD   $rows-400(SP), R8
	MOVD   $25, R11
	MOVD   R0, R13
	MOVD   R1, R14
	MOVD   R3, R15
	MOVD   R4, R16

message:
	VLD1.P 16(R8), [V0.S4]
	VLD1.P (R15)(R10), [V1.S4]
	VLD1.P (R16)(R10), [V2.S4]
	VSUB   V7.S4, V0.S4, V0.S4
	VADD   V0.S4, V1.S4, V1.S4
	VADD   V0.S4, V2.S4, V2.S4
	VST1.P [V1.S4], (R13)(R10)
	VST1.P [V2.S4], (R14)(R10)
	SUBS   $1, R11, R11
	BNE    message
	ADD    $16, R0, R0
	ADD    $16, R1, R1
	ADD    $16, R2, R2
	ADD    $16, R3, R3
	ADD    $16, R4, R4
	SUBS   $1, R6, R6
	BNE    chains
	RET
