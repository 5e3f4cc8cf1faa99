"""Time passes for the pauses that Meta asked for."""

from tests.world import World


async def end(world: World) -> None:
    """Let every pause in force be over."""
    await world.rows("UPDATE pause SET until = now() - interval '1 millisecond' WHERE until > now()")
