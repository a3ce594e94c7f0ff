"""What an expression of ``traffic.columns`` may be made of: classes of Spark's Catalyst, by name.

All of them give a row's value from the row alone, the same one in every run and on every machine. What is not listed is
refused: what depends on the clock, on chance, on who asks or on where a row lies, what reads other rows, what runs
code of the user's.
"""

from __future__ import annotations

from typing import Final

_STRUCTURE = """
AttributeReference Literal Alias LambdaFunction NamedLambdaVariable ResolvedCollation
Cast GetStructField GetArrayStructFields GetArrayItem GetMapValue CreateArray CreateMap CreateNamedStruct
"""
_CONDITIONS = """
And Or Not EqualTo EqualNull EqualNullSafe LessThan LessThanOrEqual GreaterThan GreaterThanOrEqual In InSet Between
IsNull IsNotNull IsNaN Like ILike LikeAll LikeAny NotLikeAll NotLikeAny RLike
If CaseWhen Coalesce Nvl Nvl2 NullIf NullIfZero ZeroIfNull NaNvl Greatest Least
"""
_NUMBERS = """
Add Subtract Multiply Divide IntegralDivide Remainder Pmod UnaryMinus UnaryPositive Abs Signum
TryAdd TrySubtract TryMultiply TryDivide TryMod
Ceil Floor Rint Round BRound RoundCeil RoundFloor Sqrt Cbrt Exp Expm1 Log Log10 Log1p Log2 Logarithm Pow Hypot
Sin Cos Tan Cot Sec Csc Asin Acos Atan Atan2 Sinh Cosh Tanh Asinh Acosh Atanh ToDegrees ToRadians Pi EulerNumber
Factorial WidthBucket Bin Hex Unhex Conv
BitwiseAnd BitwiseOr BitwiseXor BitwiseNot BitwiseCount BitwiseGet ShiftLeft ShiftRight ShiftRightUnsigned
Murmur3Hash XxHash64 Crc32 Md5 Sha1 Sha2
"""
_TEXTS = """
Concat ConcatWs Lower Upper InitCap Length OctetLength BitLength Ascii Chr
StringTrim StringTrimBoth StringTrimLeft StringTrimRight StringLPad StringRPad
Substring SubstringIndex Left Right SplitPart StringSplit StringReplace StringRepeat StringTranslate StringInstr
StringLocate StringSpace Overlay Contains StartsWith EndsWith FindInSet Levenshtein SoundEx Elt
FormatString FormatNumber
RegExpExtract RegExpExtractAll RegExpReplace RegExpCount RegExpInStr RegExpSubStr
Base64 UnBase64 Encode Decode StringDecode ToBinary TryToBinary ToNumber TryToNumber ToCharacter
GetJsonObject JsonToStructs StructsToJson LengthOfJsonArray JsonObjectKeys
ParseUrl TryParseUrl UrlDecode TryUrlDecode UrlEncode StringToMap Collate Collation
"""
_TIMES = """
ParseToDate ParseToTimestamp ToUnixTimestamp UnixTimestamp GetTimestamp FromUnixTime DateFormatClass
MicrosToTimestamp MillisToTimestamp SecondsToTimestamp DateFromUnixDate UnixDate UnixMicros UnixMillis UnixSeconds
Year Quarter Month WeekOfYear DayOfYear DayOfMonth DayOfWeek WeekDay DayName MonthName Hour Minute Second
SecondWithFraction Extract DatePart LastDay NextDay AddMonths MonthsBetween DateAdd DateSub DateDiff
TruncDate TruncTimestamp TimestampAdd TimestampDiff TimeAdd TimestampAddInterval DateAddInterval DateAddYMInterval
TimestampAddYMInterval SubtractDates SubtractTimestamps DatetimeSub MakeDate MakeTimestamp MakeTimestampLTZ
MakeTimestampNTZ TryMakeTimestamp TryMakeTimestampLTZ TryMakeTimestampNTZ FromUTCTimestamp ToUTCTimestamp
ConvertTimezone ParseToTimestampLTZ ParseToTimestampNTZ MakeInterval MakeDTInterval MakeYMInterval
"""
_COLLECTIONS = """
Size ArraySize ElementAt TryElementAt Get Slice Reverse Flatten Sequence SortArray ArraySort ArrayContains ArrayPosition
ArrayDistinct ArrayExcept ArrayIntersect ArrayUnion ArraysOverlap ArraysZip ArrayJoin ArrayMax ArrayMin ArrayRemove
ArrayRepeat ArrayAppend ArrayPrepend ArrayInsert ArrayCompact ArrayTransform ArrayFilter ArrayExists ArrayForAll
ArrayAggregate ZipWith MapKeys MapValues MapEntries MapFromArrays MapFromEntries MapConcat MapContainsKey MapFilter
MapZipWith TransformKeys TransformValues VectorCosineSimilarity VectorInnerProduct VectorL2Distance VectorNorm
"""

ALLOWED: Final = frozenset(" ".join((_STRUCTURE, _CONDITIONS, _NUMBERS, _TEXTS, _TIMES, _COLLECTIONS)).split())
"""Names of Catalyst's classes."""
