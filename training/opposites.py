"""Pairs of opposite words, for questions that ask for what the paragraph does not say."""

_PAIRS = """
above below | accept reject | accepted rejected | advantage disadvantage
advantages disadvantages | after before | agreed disagreed | allow forbid | allowed forbidden
always never | ancient modern | arrived departed | attacked defended | best worst
bought sold | built destroyed | cold hot | common rare | created abolished | early late
earlier later | earliest latest | east west | eastern western | easy difficult
enter leave | expensive cheap | external internal | fast slow | fastest slowest | female male
fewer more | first last | foreign domestic | gained lost | good bad | heavier lighter
heaviest lightest | high low | higher lower | highest lowest | important unimportant
include exclude | included excluded | including excluding | increase decrease
increased decreased | increases decreases | inside outside | joined left | large small
larger smaller | largest smallest | least most | legal illegal | less greater | long short
longer shorter | longest shortest | majority minority | major minor | maximum minimum
men women | most fewest | negative positive | newest oldest | north south | northern southern
northeast southwest | northwest southeast | old young | older younger | oldest youngest
open closed | opened closed | opponent supporter | opposed supported | often rarely
peace war | poor rich | popular unpopular | possible impossible | private public
rise fall | rose fell | same different | similar different | simple complex
start end | started ended | began ended | begin end | strong weak | stronger weaker
strongest weakest | succeeded failed | successful unsuccessful | support oppose
supports opposes | tallest shortest | thick thin | upper lower | urban rural | victory defeat
warm cool | wet dry | win lose | winner loser | with without | within outside | won lost
"""


def _both_ways() -> dict[str, str]:
    pairs = [tuple(pair.split()) for line in _PAIRS.split("\n") for pair in line.split("|") if pair]
    # of several opposites of one word, the first counts
    return {word: other for one, two in reversed(pairs) for word, other in ((one, two), (two, one))}


OPPOSITES = _both_ways()
