"""Evaluations and results in words, and as numbers for the logs."""

from typing import Any

from agents.play.result import first_score
from games.engine.constants import REWARDS


def summary_lines(final: dict[str, Any]) -> list[str]:
    """A run's results, in lines for people."""
    evaluation, count = final["evaluation"], final["evaluations"]
    best = f"the best of {count} evaluations, at step" if count > 1 else "after step"
    lines = [f"Final:  {verdict(evaluation)}", f"        {best} {final['agent_steps']:,}, in {final['seconds']:.1f} s"]
    if evaluation["games"] < final["planned_games"]:
        why = "" if "note" in evaluation else ", to keep the time limit"
        lines.append(f"        {evaluation['games']} games instead of {final['planned_games']:,}{why}")
    if "note" in evaluation:
        lines.append(f"        {evaluation['note']}")
    if "test_evaluation" in final:
        lines.append(f"Tests:  {verdict(final['test_evaluation'])}")
        lines.append(f"        on {final['test_levels']:,} levels that are held out; the line above is on {final['levels']}")
    if "mark" in final:
        against, wanted = final["mark"]
        rate = "win_rate" in evaluation
        partner = f" {REWARDS[evaluation['rewards']]} {against}" if "rewards" in evaluation else ""
        what = f"{wanted:.0%} against {against}" if rate else f"return {wanted:g}{partner}"
        score = f"{final['mark_score']:.1%}" if rate else f"{final['mark_score']:.2f}"
        lines.append(f"Mark:   {what}: {'reached' if final['reached'] else 'not reached'} ({score})")
    return lines


def evaluation_line(steps: int, summary: dict[str, Any]) -> str:
    """An evaluation in a line of 80 columns at most."""
    return f"{steps:>10,} steps  {verdict(summary)}"


def verdict(summary: dict[str, Any]) -> str:
    """An evaluation in a few words; draws are named where there are any.

    >>> verdict({"win_rate": 0.5, "interval": [0.43, 0.57], "wins": [0, 0], "draws": 192, "games": 192})
    'score 50.0% (43.0% to 57.0%): won 0, drew 192 of 192 games'
    """
    if "win_rate" in summary:
        low, high = summary["interval"]
        if summary.get("draws"):
            score = f"score {summary['win_rate']:.1%} ({low:.1%} to {high:.1%})"
            return f"{score}: won {summary['wins'][0]}, drew {summary['draws']} of {summary['games']} games"
        return f"won {summary['win_rate']:.1%} of {summary['games']} games against bot (95 %: {low:.1%} to {high:.1%})"
    _, mean, (low, high) = first_score(summary)
    within, games = f"(95 %: {low:.2f} to {high:.2f})", f"{summary['games']} games"
    if summary.get("rewards") == "own":
        return f"return {mean:.2f}, bot {summary['mean_return'][1]:.2f} in {games} {within}"
    return f"return {mean:.2f} over {games}{' with bot' if 'rewards' in summary else ''} {within}"


def eval_numbers(summary: dict[str, Any], seconds: float) -> dict[str, float]:
    """The numbers of an evaluation for TensorBoard and progress.jsonl; SB3's tags where it has one."""
    if "win_rate" in summary:
        low, high = summary["interval"]
        rates = {"eval/win_rate": summary["win_rate"], "eval/win_rate_low": low, "eval/win_rate_high": high}
        return {
            **rates,
            "eval/mean_reward": summary["mean_return"][0],
            "eval/score": summary["win_rate"],
            "perf/eval_seconds": seconds,
        }
    _, mean, (low, high) = first_score(summary)
    separate = summary.get("rewards") == "own"
    return {
        "eval/mean_reward": mean,
        "eval/mean_reward_low": low,
        "eval/mean_reward_high": high,
        "eval/std_reward": summary["std_return"][0] if separate else summary["std_return"],
        **({"eval/other_mean_reward": summary["mean_return"][1]} if separate else {}),
        "eval/score": mean,
        "perf/eval_seconds": seconds,
    }
